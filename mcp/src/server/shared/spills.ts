import { setTimeout as sleep } from 'node:timers/promises';
import type { JsonObject } from '@bufbuild/protobuf';
import type { KeptMessage, MessageLog } from '../message-log.ts';
import { logOfStream } from './call-streams.ts';
import type { SharedLogs } from './logs.ts';
import type { Post } from './post.ts';

/** What is written of one stream; beyond it, what may be left out is left out. */
const WRITTEN_MAX_BYTES = 8 * 1024 * 1024;
/** What is written at once; the last message may go beyond it. */
const ONCE_MAX_BYTES = 256 * 1024;
/** Streams that are written at once. */
const WRITING_MAX = 1_000;
const RETRY_MS: readonly number[] = [100, 250, 1_000, 2_000];
/** How long it is tried to write a stream that is over. */
const TRIED_MS = 60_000;
/** How long a router that stops waits for what is to be written. */
const LAST_MAX_MS = 3_000;

/** Writes streams, from which clients were cut off, to where all routers can read them. */
export interface Spills extends AsyncDisposable {
  /** Writes what is kept of a stream, and all that comes; once is enough. Says whether it does. */
  share(log: MessageLog): boolean;
  /** How many are being written. */
  readonly size: number;
}

/** Opens what writes streams. */
export function openSpills(logs: SharedLogs, post: Post): Spills {
  const stop = new AbortController();
  const closing = new AbortController();
  const signals = { signal: stop.signal, closing: closing.signal };
  const writing = new Map<MessageLog, Promise<void>>();
  const written = new WeakSet<MessageLog>();
  return {
    get size() {
      return writing.size;
    },
    share(log) {
      if (written.has(log)) return true;
      if (writing.size >= WRITING_MAX) return false;
      written.add(log);
      const writes = write(logs, log, signals).finally(() => writing.delete(log));
      writing.set(log, writes);
      const staying = post.stayHeard();
      void writes.finally(() => staying[Symbol.dispose]());
      return true;
    },
    async [Symbol.asyncDispose]() {
      const late = setTimeout(() => stop.abort(), LAST_MAX_MS);
      closing.abort();
      await Promise.all(writing.values());
      clearTimeout(late);
    },
  };
}

/** Writes a stream to its end. What cannot be written for long is given up: the client is told that it is gone. */
async function write(
  logs: SharedLogs,
  log: MessageLog,
  { signal, closing }: { readonly signal: AbortSignal; readonly closing: AbortSignal },
): Promise<void> {
  let more = Promise.withResolvers<void>();
  log.onMore(() => more.resolve());
  const name = logOfStream(log.id);
  const whenClosing = aborted(closing);
  let at = 0;
  let bytes = 0;
  let overMs: number | undefined;
  for (let tries = 0; !signal.aborted; ) {
    more = Promise.withResolvers<void>();
    if (log.isOver) overMs ??= performance.now();
    const next = upTo(ONCE_MAX_BYTES, log.keptAfter(at));
    const isEnd = log.isOver && (next.at(-1)?.at ?? at) === lastOf(log, at);
    if (next.length === 0 && !isEnd) {
      // Who reads it hears that this router is gone.
      if (closing.aborted) return;
      await Promise.race([more.promise, whenClosing]);
      continue;
    }
    const isFull = bytes > WRITTEN_MAX_BYTES;
    const entries: JsonObject[] = next
      .filter(({ mayBeLost }) => !(isFull && mayBeLost))
      .map((kept) => ({ at: kept.at, message: kept.message }));
    if (isEnd) entries.push({ isEnd: true });
    try {
      if (entries.length > 0) await logs.append(name, entries, signal);
      for (const kept of next) bytes += kept.bytes;
      at = next.at(-1)?.at ?? at;
      tries = 0;
      if (isEnd) return;
    } catch {
      if (overMs !== undefined && performance.now() - overMs > TRIED_MS) return;
      const retryMs = RETRY_MS[Math.min(tries++, RETRY_MS.length - 1)];
      await sleep(retryMs, undefined, { signal }).catch(() => undefined);
    }
  }
}

function lastOf(log: MessageLog, at: number): number {
  return log.keptAfter(at).at(-1)?.at ?? at;
}

function upTo(maxBytes: number, kept: readonly KeptMessage[]): readonly KeptMessage[] {
  let bytes = 0;
  const end = kept.findIndex((one) => {
    bytes += one.bytes;
    return bytes >= maxBytes;
  });
  return end < 0 ? kept : kept.slice(0, end + 1);
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
