import { randomUUID } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { exitCodes } from './exit-codes.ts';
import { Failure, usageFailure } from './failure.ts';

/**
 * Writes what comes piece by piece to a file, which is there only once all has come: until then
 * an earlier file stays. Returns how many bytes it has.
 */
export async function saveTo(path: string, pieces: AsyncIterable<Uint8Array>): Promise<number> {
  const partial = join(dirname(path), `.${basename(path)}.${randomUUID()}`);
  try {
    const sizeBytes = await write(partial, pieces);
    await rename(partial, path);
    return sizeBytes;
  } catch (error) {
    await rm(partial, { force: true });
    throw isOfSystem(error) ? notWritten(path, error.code) : error;
  }
}

async function write(path: string, pieces: AsyncIterable<Uint8Array>): Promise<number> {
  await using file = await open(path, 'wx');
  let sizeBytes = 0;
  for await (const piece of pieces) {
    await file.appendFile(piece);
    sizeBytes += piece.length;
  }
  return sizeBytes;
}

function isOfSystem(error: unknown): error is NodeJS.ErrnoException & { code: string } {
  return error instanceof Error && 'syscall' in error && 'code' in error;
}

function notWritten(path: string, code: string): Failure {
  const message = `cannot write ${path}: ${code}`;
  if (code === 'ENOSPC') return new Failure(exitCodes.internal, message, { mend: 'Make room.' });
  return usageFailure(message, 'Name a file in a folder that you may write to.');
}
