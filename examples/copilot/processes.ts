import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const root = join(import.meta.dirname, '../..');
/** The most lines of a program that are looked through. */
const LINES_MAX = 1_000;
const SAYS_MAX_MS = 120_000;
const STOP_MAX_MS = 15_000;

/** A program in a process of its own. */
export interface Program extends AsyncDisposable {
  /** The first line that matches, also of those before. Rejects when it ends without one, or after 2 min. */
  says(pattern: RegExp): Promise<RegExpMatchArray>;
  /** The exit code; null: a signal ended it. */
  readonly ended: Promise<number | null>;
}

/** Starts a program of this project with nothing in its environment but what is given. */
export function start(file: string, { args = [], env, onLine }: StartOptions): Program {
  const child = spawn(process.execPath, [join(root, file), ...args], {
    cwd: root,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
    // A Ctrl-C in the terminal is for the demo, which then stops its programs in their order.
    detached: true,
  });
  let isEnded = false;
  const ended = once(child, 'close').then(([code]) => {
    isEnded = true;
    return code as number | null;
  });
  const lines: string[] = [];
  const reader = createInterface({ input: child.stdout });
  reader.on('line', (line) => {
    if (lines.length < LINES_MAX) lines.push(line);
    onLine?.(line);
  });
  return {
    ended,
    async says(pattern) {
      const late = AbortSignal.timeout(SAYS_MAX_MS);
      for (let read = 0; ; read++) {
        while (read === lines.length && !isEnded) {
          await Promise.race([once(reader, 'line', { signal: late }), ended]);
        }
        const line = lines[read];
        if (line === undefined) throw new Error(`${file} ended without saying ${pattern}`);
        const match = pattern.exec(line);
        if (match) return match;
      }
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      const patience = setTimeout(() => child.kill('SIGKILL'), STOP_MAX_MS);
      await ended;
      clearTimeout(patience);
    },
  };
}

interface StartOptions {
  readonly args?: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly onLine?: (line: string) => void;
}
