import { type EventLog, type Followed, unreachable } from './event-log.ts';
import { type KeptEvent, sizeOf, type Tail } from './tails.ts';

/** The most events, and bytes of them, that are delivered together. */
export const BATCH_EVENTS_MAX = 256;
export const BATCH_BYTES_MAX = 1024 * 1024;

/** Reads a log from any place on: what is old from the log itself, what is new from memory. */
export interface Reader extends Disposable {
  /** The next events after a position, at most so many; none when none came within a time. */
  next(
    position: bigint,
    most: { readonly events: number; readonly waitMs: number },
  ): Promise<readonly KeptEvent[]>;
  /** Which log it was that was read from last. */
  readonly epoch: string;
}

/** Opens a reader of a tenant's log; it reads no more after the signal. */
export function openReader(
  log: EventLog,
  tenant: string,
  { tail, signal }: { readonly tail: Tail; readonly signal: AbortSignal },
): Reader {
  let older: OlderEvents | undefined;
  let epoch = '';
  const leave = () => {
    older?.stop();
    older = undefined;
  };
  return {
    get epoch() {
      return epoch;
    },
    async next(position, { events: eventsMax, waitMs }) {
      const isNear = tail.after(position, 0) !== undefined;
      if (!isNear) {
        older ??= openOlder((until) => log.follow(tenant, position, until), signal);
        const events = await older.next(position, eventsMax);
        epoch = older.epoch;
        return events;
      }
      leave();
      if (tail.head === position) await moreThan(tail, position, { waitMs, signal });
      epoch = tail.epoch;
      return within(tail.after(position, eventsMax) ?? []);
    },
    [Symbol.dispose]: leave,
  };
}

/** As many of the first as may be delivered together; one at least. */
function within(events: readonly KeptEvent[]): readonly KeptEvent[] {
  let bytes = 0;
  const end = events.findIndex((event) => {
    bytes += event.bytes;
    return bytes > BATCH_BYTES_MAX;
  });
  return end < 0 ? events : events.slice(0, Math.max(end, 1));
}

/** What memory does not go back to, read from the log in order. */
interface OlderEvents {
  /** Which log it was that was read from last. */
  readonly epoch: string;
  next(position: bigint, eventsMax: number): Promise<readonly KeptEvent[]>;
  stop(): void;
}

function openOlder(
  follow: (signal: AbortSignal) => AsyncIterable<Followed>,
  signal: AbortSignal,
): OlderEvents {
  const stop = new AbortController();
  const messages = follow(AbortSignal.any([signal, stop.signal]))[Symbol.asyncIterator]();
  /** Read, and perhaps not delivered: who is slow takes fewer than a message has. */
  let read: readonly KeptEvent[] = [];
  let epoch = '';
  return {
    get epoch() {
      return epoch;
    },
    async next(position, eventsMax) {
      read = read.filter(({ stored }) => stored.position > position);
      if (read.length === 0) {
        const { value, done } = await messages.next();
        if (done) throw unreachable();
        epoch = value.epoch;
        read = value.events.map((stored) => ({ stored, bytes: sizeOf(stored) }));
      }
      return within(read.slice(0, eventsMax));
    },
    stop() {
      stop.abort();
      // Why it ended concerns nobody any more.
      messages.return?.().catch(() => {});
    },
  };
}

/** Resolves when the log has more, the time is over, or at the signal. */
async function moreThan(
  tail: Tail,
  position: bigint,
  { waitMs, signal }: { readonly waitMs: number; readonly signal: AbortSignal },
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
