import { readFile } from 'node:fs/promises';
import type { PGliteOptions } from '@electric-sql/pglite';

/** The embedded database's program, compiled. */
type Engine = NonNullable<PGliteOptions['pgliteWasmModule']>;

/** What the types of Node leave out. */
interface WithWebAssembly {
  readonly WebAssembly: { compile(program: Uint8Array): Promise<Engine> };
}

let compiled: Promise<Engine> | undefined;

/**
 * Compiles the embedded database, once for the thread. That goes on beside what the thread itself
 * does, so whoever will open a database asks as early as possible.
 */
export function compileEngine(): Promise<Engine> {
  compiled ??= compile();
  return compiled;
}

async function compile(): Promise<Engine> {
  const { WebAssembly } = globalThis as unknown as WithWebAssembly;
  const file = new URL('pglite.wasm', import.meta.resolve('@electric-sql/pglite'));
  return await WebAssembly.compile(await readFile(file));
}
