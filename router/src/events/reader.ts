import { type EventLog, type Followed, unreachable } from './event-log.ts';
import { type KeptEvent, keep, type Tail } from './tails.ts';

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
  let waiting: Waiting | undefined;
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
      if (tail.head === position && waitMs > 0 && !signal.aborted) {
        waiting ??= new Waiting(tail, signal);
        await waiting.wait(waitMs);
      }
      epoch = tail.epoch;
      return within(tail.after(position, eventsMax) ?? []);
    },
    [Symbol.dispose]() {
      leave();
      waiting?.[Symbol.dispose]();
    },
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
        read = value.events.map(keep);
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

/**
 * Waits for what comes. There is one for each subscription, and each event wakes it: so it listens all the
 * time, and has one timer, which is set again only when it goes off too early.
 */
class Waiting implements Disposable {
  readonly #signal: AbortSignal;
  readonly #listening: Disposable;
  readonly #wake = (): void => {
    this.#resolve?.();
    this.#resolve = undefined;
  };
  #resolve: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** When the timer goes off, and when it is to. */
  #goesOffMs = Number.POSITIVE_INFINITY;
  #dueMs = 0;

  constructor(tail: Tail, signal: AbortSignal) {
    this.#signal = signal;
    this.#listening = tail.onMore(this.#wake);
    signal.addEventListener('abort', this.#wake);
  }

  /** Resolves when the log has more, the time is over, or at the signal. */
  wait(waitMs: number): Promise<void> {
    this.#dueMs = performance.now() + waitMs;
    if (this.#dueMs < this.#goesOffMs) this.#set(waitMs);
    return new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  #set(afterMs: number): void {
    clearTimeout(this.#timer);
    this.#goesOffMs = performance.now() + afterMs;
    this.#timer = setTimeout(this.#look, afterMs);
  }

  readonly #look = (): void => {
    this.#goesOffMs = Number.POSITIVE_INFINITY;
    if (!this.#resolve) return;
    const leftMs = this.#dueMs - performance.now();
    if (leftMs > 0) this.#set(leftMs);
    else this.#wake();
  };

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#listening[Symbol.dispose]();
    this.#signal.removeEventListener('abort', this.#wake);
    this.#wake();
  }
}
