import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '@weir/kit';
import { BATCH_EVENTS_MAX } from './reader.ts';

/** How many events are delivered together at first. */
export const BATCH_EVENTS_START = 32;
/** A reader who takes a full message within this time gets twice as many events with the next. */
const FAST_MS = 20;
/** One who takes longer gets half as many: what waits in the log can still give way to what is newer. */
const SLOW_MS = 200;

/** Keeps a subscription to what its reader can take. */
export interface Pace {
  /** How many events to deliver together, at most. */
  readonly eventsMax: number;
  /** A message of so many events is given to be read. */
  given(events: number): void;
  /** It was taken: what stands between has room for more. */
  taken(): void;
  /** How long the reader has let the last message wait; 0: it was taken. */
  readonly waitingMs: number;
  /** Whether events are ever to be waited for. */
  readonly isBounded: boolean;
  /** Waits until the next events are due, or the signal. */
  due(signal: AbortSignal): Promise<void>;
}

/** Makes the pace of a reader who asked for so many events in a second; 0: for as many as there are. */
export function createPace(maxPerSecond: number, clock: Pick<Clock, 'monotonicMs'>): Pace {
  const most = Math.min(maxPerSecond || BATCH_EVENTS_MAX, BATCH_EVENTS_MAX);
  let eventsMax = Math.min(BATCH_EVENTS_START, most);
  let nextMs = Number.NEGATIVE_INFINITY;
  let last = { events: 0, atMs: 0, isTaken: true };
  return {
    isBounded: maxPerSecond > 0,
    get eventsMax() {
      return eventsMax;
    },
    get waitingMs() {
      return last.isTaken ? 0 : clock.monotonicMs() - last.atMs;
    },
    given(events) {
      const atMs = clock.monotonicMs();
      last = { events, atMs, isTaken: false };
      if (maxPerSecond > 0) nextMs = Math.max(nextMs, atMs) + (events * 1_000) / maxPerSecond;
    },
    taken() {
      const tookMs = clock.monotonicMs() - last.atMs;
      last.isTaken = true;
      if (tookMs > SLOW_MS) eventsMax = Math.max(1, eventsMax >> 1);
      else if (tookMs <= FAST_MS && last.events >= eventsMax) {
        eventsMax = Math.min(2 * eventsMax, most);
      }
    },
    async due(signal) {
      const waitMs = nextMs - clock.monotonicMs();
      // Why it was ended, the loop says.
      if (waitMs > 0) await sleep(waitMs, undefined, { signal }).catch(() => {});
    },
  };
}
