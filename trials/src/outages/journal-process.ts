import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** What a journal's process is told. */
export interface JournalProcessOptions {
  readonly directory: string;
  /** Begins the id of every call. */
  readonly run: string;
  readonly concurrency?: number;
  readonly durable?: boolean;
  /** A planted fault: it answers before the record is written. */
  readonly early?: boolean;
}

/** A process that records calls and answers them. */
export interface JournalProcess extends AsyncDisposable {
  /** Called with the id of each call that was answered. */
  onAnswered: (id: string) => void;
  /** Called with each call that was refused, and after how long. */
  onRefused: (tookMs: number) => void;
  /** Resolves when it has answered its first call. */
  readonly began: Promise<void>;
  /** Kills it with SIGKILL; resolves when all that it told was heard. Throws when it had ended before. */
  kill(): Promise<void>;
}

const main = join(import.meta.dirname, '../journal-writer/main.ts');

/** Starts a process that records calls and answers them, as fast as it can. */
export function startJournalProcess(options: JournalProcessOptions): JournalProcess {
  const { directory, run, concurrency = 16, durable = false, early = false } = options;
  const flags = [...(durable ? ['--durable'] : []), ...(early ? ['--early'] : [])];
  const args = ['--directory', directory, '--run', run, '--concurrency', String(concurrency)];
  const child = spawn(process.execPath, [main, ...args, ...flags], {
    env: { PATH: process.env.PATH },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk;
  });
  const { promise: began, resolve, reject } = Promise.withResolvers<void>();
  began.catch(() => {});
  const gone = once(child, 'close').then(() => reject(new Error(`it did not begin: ${said}`)));
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => {
    resolve();
    const [what, value = ''] = line.split(' ');
    if (what === 'ok') answering.onAnswered(value);
    else answering.onRefused(Number(value));
  });
  const answering: JournalProcess = {
    onAnswered: () => {},
    onRefused: () => {},
    began,
    async kill() {
      child.kill('SIGKILL');
      await gone;
      if (child.exitCode !== null) throw new Error(`it ended by itself: ${said}`);
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await gone;
    },
  };
  return answering;
}
