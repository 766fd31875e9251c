import type { EventLog } from './event-log.ts';
import type { KeptEvent, Tail } from './tails.ts';
import { sizeOf } from './tails.ts';

/** The most events, and bytes of them, that are delivered together. */
export const BATCH_EVENTS_MAX = 256;
export const BATCH_BYTES_MAX = 1024 * 1024;

/** Reads a log from any place on: what is old from the log itself, what is new from memory. */
export interface Reader extends AsyncDisposable {
  /** The next events after a position; none when none came within a time. */
  next(position: bigint, waitMs: number, signal: AbortSignal): Promise<readonly KeptEvent[]>;
}

/** Opens a reader of a tenant's log. */
export function openReader(
  log: EventLog,
  tenant: string,
  { tail, signal }: { readonly tail: Tail; readonly signal: AbortSignal },
): Reader {
  const stop = new AbortController();
  let older: AsyncIterator<{ readonly events: readonly KeptEvent['stored'][] }> | undefined;

  const close = async () => {
    stop.abort();
    const closing = older;
    older = undefined;
    await closing?.return?.().catch(() => {});
  };
  /** From the log, for as long as memory does not go back so far. */
  const fromLog = async (position: bigint): Promise<readonly KeptEvent[]> => {
    const until = AbortSignal.any([signal, stop.signal]);
    older ??= log.follow(tenant, position, until)[Symbol.asyncIterator]();
    const { value, done } = await older.next();
    if (done) {
      older = undefined;
      return [];
    }
    return value.events.map((stored) => ({ stored, bytes: sizeOf(stored) }));
  };
  const fromMemory = (position: bigint): readonly KeptEvent[] | undefined => {
    const events = tail.after(position, BATCH_EVENTS_MAX);
    if (!events) return undefined;
    let bytes = 0;
    const end = events.findIndex((event) => {
      bytes += event.bytes;
      return bytes > BATCH_BYTES_MAX;
    });
    return end < 0 ? events : events.slice(0, Math.max(end, 1));
  };

  return {
    async next(position, waitMs, late) {
      // While the log is being read it goes on so: a message of it may be on its way already.
      if (older) return await orMemory(position);
      const events = fromMemory(position);
      if (events === undefined) return await fromLog(position);
      if (events.length > 0) return events;
      await moreThan(tail, position, waitMs, late);
      return fromMemory(position) ?? [];
    },
    [Symbol.asyncDispose]: close,
  };

  async function orMemory(position: bigint): Promise<readonly KeptEvent[]> {
    if (fromMemory(position) === undefined) return await fromLog(position);
    await older?.return?.();
    older = undefined;
    return fromMemory(position) ?? [];
  }
}

/** Resolves when the log has more, the time is over, or at the signal. */
async function moreThan(
  tail: Tail,
  position: bigint,
  waitMs: number,
  signal: AbortSignal,
): Promise<void> {
  if (tail.head > position || signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  using _ = tail.onMore(resolve);
  const late = setTimeout(resolve, waitMs);
  const aborted = () => resolve();
  signal.addEventListener('abort', aborted);
  await promise;
  clearTimeout(late);
  signal.removeEventListener('abort', aborted);
}
