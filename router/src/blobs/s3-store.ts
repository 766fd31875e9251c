import { openAsBlob } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import type { Clock, Logger } from '@weir/kit';
import { type BlobId, type BlobStore, headerType, unavailable } from './blob-store.ts';
import { openPartialFile, sweepPartialFiles } from './partial-file.ts';
import { createS3Client, type S3Credentials, S3Refused } from './s3-client.ts';

/** What a store in S3 is opened with. */
export interface S3StoreOptions {
  /** The bucket, and the region in the query: `https://host/bucket?region=eu-west-1`. */
  readonly url: string;
  readonly credentials: S3Credentials;
  /** Where values lie until their hash is known and they are uploaded. */
  readonly spoolDir: string;
  /** What may lie there. */
  readonly spoolMaxBytes: number;
  /** How long links hold. */
  readonly holdMs: number;
  /** How long the server may take for an answer without a body. Default: 5 s. */
  readonly answerMs?: number | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Uploads under way at once; the next waits for its turn. */
const MAX_UPLOADS = 4;
/** An object of this age is uploaded anew, so that a rule that expires objects spares it. */
const FRESH_MS = 24 * 60 * 60 * 1000;
/** How long the presence of an object need not be asked for again. */
const KNOWN_MS = 60_000;
const MAX_KNOWN = 10_000;

/**
 * Opens the store in a bucket of S3, or of what speaks its protocol: `<tenant>/<sha256>`. The
 * bucket must exist; what is old in it is for a rule of the bucket's to expire.
 */
export async function openS3Store(options: S3StoreOptions): Promise<BlobStore> {
  const { spoolDir, clock, log } = options;
  await mkdir(spoolDir, { recursive: true, mode: 0o700 });
  await sweepPartialFiles(spoolDir, clock);
  const client = createS3Client(options);
  const takeTurn = createTurns(MAX_UPLOADS);
  const known = new Map<string, number>();
  let spooledBytes = 0;
  let failing = false;

  const asking = async <T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> => {
    try {
      const result = await work();
      if (failing) log.info('the bucket of large values answers again');
      failing = false;
      return result;
    } catch (error) {
      signal?.throwIfAborted();
      const { message, detail } = error instanceof S3Refused ? error : unreachable(error);
      if (!failing) log.warn({ detail }, `the store of large values fails: ${message}`);
      failing = true;
      throw unavailable(message, error);
    }
  };
  const remember = (blob: BlobId) => {
    if (known.size >= MAX_KNOWN) known.clear();
    known.set(knownAs(blob), clock.monotonicMs() + KNOWN_MS);
  };
  const upload = async (path: string, blob: BlobId) => {
    const { sha256, sizeBytes } = blob;
    const name = nameOf(blob);
    const there = await client.head(name);
    const age = there && clock.wallMs() - there.modifiedMs;
    if (there?.sizeBytes === sizeBytes && age !== undefined && age < FRESH_MS) return;
    await client.put(name, await openAsBlob(path), sha256);
  };

  return {
    async begin(tenant, sizeBytes) {
      if (spooledBytes + sizeBytes > options.spoolMaxBytes) {
        throw unavailable('the store of large values has as many on their way as it takes');
      }
      spooledBytes += sizeBytes;
      let open = true;
      const release = () => {
        if (open) spooledBytes -= sizeBytes;
        open = false;
      };
      const partial = await openPartialFile(spoolDir).catch((error: unknown) => {
        release();
        throw error;
      });
      const discard = async () => {
        await partial.discard();
        release();
      };
      return {
        write: partial.write,
        discard,
        async commit() {
          try {
            const sha256 = await partial.finish();
            using _turn = await takeTurn();
            const blob = { tenant, sha256, sizeBytes };
            await asking(() => upload(partial.path, blob));
            remember(blob);
            return sha256;
          } finally {
            await discard();
          }
        },
      };
    },
    async link(blob, contentType) {
      const name = nameOf(blob);
      if ((known.get(knownAs(blob)) ?? 0) <= clock.monotonicMs()) {
        const there = await asking(() => client.head(name));
        if (there?.sizeBytes !== blob.sizeBytes) return undefined;
        remember(blob);
      }
      const expireMs = clock.wallMs() + options.holdMs;
      return { url: await client.presign(name, headerType(contentType)), expireMs };
    },
    async read(blob, into, signal) {
      signal.throwIfAborted();
      return await asking(() => client.get(nameOf(blob), into, signal), signal);
    },
  };
}

function nameOf({ tenant, sha256 }: BlobId): string {
  return `${tenant}/${sha256}`;
}

function knownAs(blob: BlobId): string {
  return `${nameOf(blob)}/${blob.sizeBytes}`;
}

function unreachable(error: unknown): { message: string; detail: unknown } {
  const late = error instanceof Error && error.name === 'TimeoutError';
  const message = late
    ? 'the store of large values did not answer in time'
    : 'the store of large values cannot be reached';
  return { message, detail: error };
}

function createTurns(atOnce: number): () => Promise<Disposable> {
  const waiting: (() => void)[] = [];
  let free = atOnce;
  return async () => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    return {
      [Symbol.dispose]() {
        const next = waiting.shift();
        if (next) next();
        else free += 1;
      },
    };
  };
}
