import type { ExitCode } from './exit-codes.ts';
import { processTerminal, type Terminal } from './terminal.ts';

/** What the program may reach of the world around it. */
export interface Surroundings {
  /** Where it writes. */
  readonly terminal: Terminal;
  /** The environment's variables. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The current folder. */
  readonly cwd: string;
  /** Reads standard input to its end, or until it is longer than `maxBytes`. */
  stdin(maxBytes: number): Promise<string>;
  /** Aborted when the user interrupts. */
  readonly signal: AbortSignal;
}

/** What a command may reach. */
export interface Shell extends Surroundings {
  /** Says how the command ended, when it did not fail and yet not all is well. */
  finish(code: ExitCode): void;
}

/** Opens the surroundings of a process. */
export function openSurroundings(process: NodeJS.Process): Surroundings {
  const interrupt = new AbortController();
  process.once('SIGINT', () => interrupt.abort());
  // The reader of a pipe may leave early (`weir list | head`); that is no fault.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
  return {
    terminal: processTerminal(process),
    env: process.env,
    cwd: process.cwd(),
    stdin: (maxBytes) => readText(process.stdin, maxBytes),
    signal: interrupt.signal,
  };
}

async function readText(source: AsyncIterable<Buffer>, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of source) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > maxBytes) break;
  }
  return Buffer.concat(chunks).toString('utf8');
}
