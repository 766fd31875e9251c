import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock, HttpRequest, HttpResponse, Logger } from '@weir/kit';
import { type BlobId, type BlobStore, headerType } from './blob-store.ts';
import { openKeptFiles, orMissing } from './kept-files.ts';
import type { Links } from './links.ts';
import { attempt, openPartialFile, sweepPartialFiles } from './partial-file.ts';
import { createBlobHandler } from './serve-blobs.ts';

/** What a store in the file system is opened with. */
export interface FileStoreOptions {
  /** The folder; routers that share it serve each other's links. */
  readonly dir: string;
  /** What it may hold. */
  readonly maxBytes: number;
  /** How long a value is kept when it comes, for its first link. */
  readonly holdMs: number;
  readonly links: Links;
  readonly clock: Clock;
  readonly log: Logger;
  /** Values that are read at once, half of them of one tenant. Default: 256. */
  readonly maxTransfers?: number | undefined;
}

/** How much of a value is read at once. */
const READ_BYTES = 1024 * 1024;

/** A store whose values are served at the port of callers. */
export interface FileStore extends BlobStore {
  /** Answers requests for values; true when it has taken the request. */
  handle(request: HttpRequest, response: HttpResponse): boolean;
}

/** Opens the store in the file system. Rejects when the folder cannot be made. */
export async function openFileStore(options: FileStoreOptions): Promise<FileStore> {
  const { dir, maxBytes, links, clock } = options;
  const partials = join(dir, '.partial');
  await mkdir(partials, { recursive: true, mode: 0o700 });
  await sweepPartialFiles(partials, clock);
  const files = openKeptFiles(dir, maxBytes, clock);

  const openLinked = async (linked: Pick<BlobId, 'tenant' | 'sha256'>) => {
    const file = await open(files.pathOf(linked), 'r').catch(orMissing);
    return file && { file, sizeBytes: (await file.stat()).size };
  };

  return {
    handle: createBlobHandler({ ...options, open: openLinked }),
    async begin(tenant, sizeBytes) {
      const reserved = await files.reserve(sizeBytes);
      try {
        const partial = await openPartialFile(partials);
        const discard = async () => {
          await partial.discard();
          reserved.release();
        };
        return {
          write: partial.write,
          discard,
          async commit() {
            try {
              const sha256 = await partial.finish();
              await files.keep(partial.path, { tenant, sha256 }, clock.wallMs() + options.holdMs);
              return sha256;
            } finally {
              await discard();
            }
          },
        };
      } catch (error) {
        reserved.release();
        throw error;
      }
    },
    async link(blob, contentType) {
      const { tenant, sha256 } = blob;
      const link = links.make({ tenant, sha256, contentType: headerType(contentType) });
      return (await files.prolong(blob, link.expireMs)) ? link : undefined;
    },
    async read(blob, into, signal) {
      const isThere = await attempt(async () => {
        const found = await openLinked(blob);
        if (!found) return false;
        await using file = found.file;
        return found.sizeBytes === into.length && (await fill(into, file, signal));
      });
      signal.throwIfAborted();
      return isThere;
    },
  };
}

/** Reads a file from its beginning, piece by piece; false: it ended, or the signal came, before. */
async function fill(into: Uint8Array, file: FileHandle, signal: AbortSignal): Promise<boolean> {
  let at = 0;
  while (at < into.length && !signal.aborted) {
    const { bytesRead } = await file.read(into, at, Math.min(into.length - at, READ_BYTES), at);
    if (bytesRead === 0) return false;
    at += bytesRead;
  }
  return at === into.length;
}
