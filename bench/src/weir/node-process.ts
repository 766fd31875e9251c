import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { oneCoreFlags } from '@weir/kit/node-flags';
import { type GcAnswer, gcQuestion } from '../subjects/gc-watch.ts';

/** How a process of Weir's is started. */
export interface NodeProcessSpec {
  /** Its main, from the root of the project. */
  readonly main: string;
  /** More flags for Node. */
  readonly flags?: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** The cores that it may run on; undefined: all. */
  readonly cores: string | undefined;
  /** Told of what it writes. */
  readonly onOutput?: ((text: string) => void) | undefined;
  /** Whether it can serve. */
  isUp(): Promise<boolean>;
}

/** A process of Weir's that is up. */
export interface NodeProcess extends AsyncDisposable {
  readonly pid: number;
  /** What collections took since this was asked last, in milliseconds. */
  collections(): Promise<GcAnswer>;
  /** Stops it where it stands. */
  pause(): void;
  /** Lets it go on; resolves when it is up. */
  resume(): Promise<void>;
  /** From now on everybody else on its cores goes before it. */
  yieldToOthers(): void;
}

/** The root of the project. */
export const root = new URL('../../../', import.meta.url).pathname;

const gcWatch = new URL('../subjects/gc-watch.ts', import.meta.url).href;
const upMaxMs = 60_000;
const lookMs = 50;
const endMaxMs = 10_000;
const answerMaxMs = 5_000;
const lastWordsChars = 2_000;
const niceness = '19';

/** Starts a process; resolves when it is up. Throws with its last words when it is not, or is aborted. */
export async function startNode(spec: NodeProcessSpec, signal: AbortSignal): Promise<NodeProcess> {
  const place = spec.cores === undefined ? [] : ['taskset', '-c', spec.cores];
  const flags = [...oneCoreFlags, '--import', gcWatch, ...(spec.flags ?? [])];
  const node = [process.execPath, ...flags, join(root, spec.main)];
  const [command = '', ...args] = [...place, ...node];
  const child = spawn(command, args, {
    cwd: root,
    env: { PATH: process.env.PATH, ...spec.env },
    // Not in our group: Ctrl-C is for us alone, and we end it.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const gone = once(child, 'exit');
  const words = lastWordsOf(child, spec.onOutput);
  const running: NodeProcess = {
    pid: child.pid as number,
    async collections() {
      const answer = once(child, 'message', { signal: AbortSignal.timeout(answerMaxMs) });
      child.send(gcQuestion);
      const [told] = (await answer) as [GcAnswer];
      return told;
    },
    pause: () => void child.kill('SIGSTOP'),
    async resume() {
      child.kill('SIGCONT');
      await waitUntilUp(child, spec, signal);
    },
    yieldToOthers: () => yieldToOthers(child.pid as number),
    [Symbol.asyncDispose]: () => end(child, gone),
  };
  try {
    await waitUntilUp(child, spec, signal);
    return running;
  } catch (error) {
    await end(child, gone);
    throw new Error(`${spec.main} did not start: ${words() || (error as Error).message}`);
  }
}

function yieldToOthers(pid: number): void {
  // Its group, which is its own, for only so do all its threads.
  spawnSync('renice', ['-n', niceness, '-g', String(pid)]);
  try {
    // Linux shares out a core among sessions first, whatever their threads say (sched(7), autogroup).
    writeFileSync(`/proc/${pid}/autogroup`, niceness);
  } catch {
    // There are none: its niceness counts.
  }
}

async function waitUntilUp(
  child: ChildProcess,
  { isUp }: NodeProcessSpec,
  signal: AbortSignal,
): Promise<void> {
  for (const late = performance.now() + upMaxMs; !(await isUp()); await sleep(lookMs)) {
    signal.throwIfAborted();
    if (child.exitCode !== null || child.signalCode !== null) throw new Error('it ended');
    if (performance.now() > late) throw new Error(`not up within ${upMaxMs / 1_000} s`);
  }
}

function lastWordsOf(child: ChildProcess, onOutput = (_: string) => {}): () => string {
  let words = '';
  const read = (chunk: Buffer) => {
    const text = chunk.toString();
    words = (words + text).slice(-lastWordsChars);
    onOutput(text);
  };
  child.stdout?.on('data', read);
  child.stderr?.on('data', read);
  child.on('error', (error) => read(Buffer.from(error.message)));
  return () => words.trim();
}

async function end(child: ChildProcess, gone: Promise<unknown>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  // It may have been paused.
  child.kill('SIGCONT');
  // It ends by itself when its channel is gone, which would keep it.
  if (child.connected) child.disconnect();
  const late = setTimeout(() => child.kill('SIGKILL'), endMaxMs);
  await gone;
  clearTimeout(late);
}
