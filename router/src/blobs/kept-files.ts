import { mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Clock } from '@weir/kit';
import { type BlobId, unavailable } from './blob-store.ts';
import { attempt } from './partial-file.ts';

/** The files of a blob store, bounded in bytes. */
export interface KeptFiles {
  /** Where the bytes of a value lie. */
  pathOf(blob: Pick<BlobId, 'tenant' | 'sha256'>): string;
  /** Sets bytes apart, sweeping if need be. Throws BLOB_STORE_UNAVAILABLE when there are none. */
  reserve(bytes: number): Promise<Reservation>;
  /** Moves a finished file to its place; kept until a point in time. */
  keep(path: string, blob: Pick<BlobId, 'tenant' | 'sha256'>, untilMs: number): Promise<void>;
  /** Keeps a value until a point in time at least. False: it is not there, or damaged. */
  prolong(blob: BlobId, untilMs: number): Promise<boolean>;
}

/** Bytes set apart for a value on its way. */
export interface Reservation {
  /** Gives them back; once. */
  release(): void;
}

interface KeptFile {
  readonly path: string;
  readonly bytes: number;
  readonly untilMs: number;
}

/** Other routers write to the folder too; what it holds is counted again after so long. */
const RECOUNT_MS = 10_000;
const TENANT = /^[a-z0-9][a-z0-9-]{0,62}$/;
const SHA256 = /^[0-9a-f]{64}$/;

/**
 * Opens the files below a folder: `<tenant>/<two digits>/<sha256>`. Until when a file must be
 * kept is its modification time, so that it outlives the process and is seen by other routers;
 * those not kept any more are swept when room is needed, in the order of that time, which is the
 * order of their last use.
 */
export function openKeptFiles(dir: string, maxBytes: number, clock: Clock): KeptFiles {
  const exclusive = createLock();
  let reservedBytes = 0;
  let keptBytes = 0;
  let countedMs = Number.NEGATIVE_INFINITY;

  const count = async (): Promise<KeptFile[]> => {
    const files = await listFiles(dir);
    keptBytes = files.reduce((sum, file) => sum + file.bytes, 0);
    countedMs = clock.monotonicMs();
    return files;
  };
  const lacking = (bytes: number) => keptBytes + reservedBytes + bytes - maxBytes;
  const makeRoom = async (bytes: number) => {
    if (clock.monotonicMs() - countedMs > RECOUNT_MS) await count();
    if (lacking(bytes) <= 0) return;
    const files = (await count()).sort((a, b) => a.untilMs - b.untilMs);
    for (const { path, bytes: freed } of files) {
      if (lacking(bytes) <= 0) return;
      if (await isKept(path, clock.wallMs())) continue;
      await rm(path, { force: true });
      keptBytes -= freed;
    }
    if (lacking(bytes) > 0) {
      throw unavailable('the store of large values is full of values whose links still hold');
    }
  };
  const pathOf = ({ tenant, sha256 }: Pick<BlobId, 'tenant' | 'sha256'>) => {
    if (!TENANT.test(tenant) || !SHA256.test(sha256)) throw new TypeError('no name of a blob');
    return join(dir, tenant, sha256.slice(0, 2), sha256);
  };

  return {
    pathOf,
    reserve: (bytes) =>
      exclusive(async () => {
        await attempt(() => makeRoom(bytes));
        reservedBytes += bytes;
        return once(() => {
          reservedBytes -= bytes;
        });
      }),
    keep: (from, blob, untilMs) =>
      attempt(() =>
        exclusive(async () => {
          const to = pathOf(blob);
          const [before, { size }] = [await stat(to).catch(() => undefined), await stat(from)];
          const until = Math.max(before?.mtimeMs ?? 0, untilMs);
          await utimes(from, clock.wallMs() / 1000, until / 1000);
          await mkdir(dirname(to), { recursive: true, mode: 0o700 });
          await rename(from, to);
          keptBytes += size - (before?.size ?? 0);
        }),
      ),
    prolong: (blob, untilMs) =>
      attempt(() =>
        exclusive(async () => {
          const path = pathOf(blob);
          const state = await stat(path).catch(orMissing);
          if (state?.size !== blob.sizeBytes) return false;
          const until = Math.max(state.mtimeMs, untilMs);
          await utimes(path, clock.wallMs() / 1000, until / 1000);
          return true;
        }),
      ),
  };
}

async function listFiles(dir: string): Promise<KeptFile[]> {
  const files: KeptFile[] = [];
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !SHA256.test(entry.name)) continue;
    const path = join(entry.parentPath, entry.name);
    const state = await stat(path).catch(orMissing);
    if (state) files.push({ path, bytes: state.size, untilMs: state.mtimeMs });
  }
  return files;
}

/** Looked at again: another router may have given out a link meanwhile. */
async function isKept(path: string, nowMs: number): Promise<boolean> {
  const state = await stat(path).catch(orMissing);
  return state !== undefined && state.mtimeMs > nowMs;
}

/** Undefined for a file that is not there; any other fault is thrown on. */
export function orMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}

/** Sweeping and prolonging, both of which look before they change, never overlap. */
function createLock() {
  let last: Promise<unknown> = Promise.resolve();
  return <T>(work: () => Promise<T>): Promise<T> => {
    const result = last.then(work);
    last = result.catch(() => undefined);
    return result;
  };
}

function once(give: () => void): Reservation {
  let given = false;
  return {
    release() {
      if (!given) give();
      given = true;
    },
  };
}
