import type { ExitCode } from '../src/exit-codes.ts';
import { run } from '../src/run.ts';
import type { Surroundings } from '../src/shell.ts';
import { testKey } from './weir-server.ts';

/** What a command line came to. */
export interface Ran {
  readonly code: ExitCode;
  readonly out: string;
  readonly err: string;
}

/** What a test says of the world around the program. */
export interface World extends Partial<Omit<Surroundings, 'terminal' | 'stdin'>> {
  readonly columns?: number;
  readonly rows?: number;
  readonly color?: boolean;
  readonly stdin?: string;
}

/** Runs a command line in a world of its own, with the test's key, and captures its output. */
export async function runWeir(args: readonly string[], world: World = {}): Promise<Ran> {
  const { columns, rows, color = false, stdin = '', ...rest } = world;
  const out: Uint8Array[] = [];
  let err = '';
  const code = await run(args, {
    env: { WEIR_KEY: testKey },
    cwd: import.meta.dirname,
    signal: new AbortController().signal,
    stdin: async () => stdin,
    ...rest,
    terminal: {
      out: (text) => void out.push(Buffer.from(text)),
      outBytes: async (bytes) => void out.push(bytes),
      err: (text) => {
        err += text;
      },
      columns,
      rows,
      color,
    },
  });
  return { code, out: Buffer.concat(out).toString('utf8'), err };
}
