import { resolve } from 'node:path';
import { saveTo } from '../save.ts';
import type { Shell } from '../shell.ts';

/** The time that an export may take when --timeout does not say: it may read all records there are. */
export const EXPORT_TIMEOUT_MS = 60 * 60_000;

/** Writes what comes to a file, which is told, or to standard output. */
export async function writeOut(
  shell: Shell,
  file: string | undefined,
  pieces: AsyncIterable<Uint8Array>,
): Promise<void> {
  if (file === undefined || file === '-') {
    for await (const piece of pieces) await shell.terminal.outBytes(piece);
    return;
  }
  const sizeBytes = await saveTo(resolve(shell.cwd, file), pieces);
  shell.terminal.err(`Saved ${sizeBytes} bytes to ${file}.\n`);
}

/** The bytes of an answer that comes in parts. */
export async function* dataOf(
  parts: AsyncIterable<{ readonly data: Uint8Array }>,
): AsyncIterable<Uint8Array> {
  for await (const { data } of parts) yield data;
}
