import { createHash } from 'node:crypto';
import { open, readdir, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { type Clock, WeirError } from '@weir/kit';
import { unavailable } from './blob-store.ts';

/** A file that is being written, with the hash of what it holds. */
export interface PartialFile {
  readonly path: string;
  write(chunk: Uint8Array): Promise<void>;
  /** Brings it to the disk and closes it. Returns the SHA-256, in hexadecimal. */
  finish(): Promise<string>;
  /**
   * Closes and removes it; harmless when it has been moved away. Never rejects: what a failing
   * disk keeps of it is swept when it is opened again.
   */
  discard(): Promise<void>;
}

/** A file of another machine's that nobody has written to for so long is nobody's. */
const ABANDONED_MS = 10 * 60 * 1000;

const startMs = Math.round(performance.timeOrigin);
const mine = `${hostname()},${process.pid},${startMs}`;
let count = 0;

/** Begins a file in a folder, under a name that tells whose it is. */
export async function openPartialFile(folder: string): Promise<PartialFile> {
  const path = join(folder, `${mine},${count++}`);
  const hash = createHash('sha256');
  const file = await attempt(() => open(path, 'wx', 0o600));
  return {
    path,
    async write(chunk) {
      hash.update(chunk);
      await attempt(() => file.appendFile(chunk));
    },
    async finish() {
      await attempt(() => file.datasync().then(() => file.close()));
      return hash.digest('hex');
    },
    async discard() {
      await file.close().catch(() => undefined);
      await rm(path, { force: true }).catch(() => undefined);
    },
  };
}

/** Removes the files of a folder whose writers are gone. */
export async function sweepPartialFiles(folder: string, clock: Clock): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    if (await isAbandoned(name, path, clock)) await rm(path, { force: true });
  }
}

async function isAbandoned(name: string, path: string, clock: Clock): Promise<boolean> {
  const [host, pid, start] = name.split(',');
  if (host === hostname()) {
    // After a restart in a container, another process has the same number.
    if (Number(pid) === process.pid) return Number(start) !== startMs;
    if (!isRunning(Number(pid))) return true;
  }
  const state = await stat(path).catch(() => undefined);
  return state !== undefined && clock.wallMs() - state.mtimeMs > ABANDONED_MS;
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** What the disk refuses is the store's trouble, and its words hold paths. */
export async function attempt<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof WeirError) throw cause;
    const full = ['ENOSPC', 'EDQUOT'].includes((cause as NodeJS.ErrnoException).code ?? '');
    throw unavailable(
      full
        ? 'the disk of the store of large values is full'
        : 'the store of large values cannot be written to or read from',
      cause,
    );
  }
}
