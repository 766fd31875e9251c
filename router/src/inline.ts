import type { Clock } from '@weir/kit';

/** Lets small values be worked on at once, as long as that does not hold up the event loop. */
export interface Inline {
  /** Whether there is time for so much; if not, a worker is to have it. */
  has(bytes: number): boolean;
  /** Works, and takes its time into account. */
  spend<T>(work: () => T): T;
}

/** What may be done at once. */
export interface InlineLimits {
  /** The largest value. */
  readonly maxBytes: number;
  /** What all of it may take of the event loop: so much of every window. */
  readonly budgetMs: number;
  /** A window begins with the first work after the one before. */
  readonly windowMs: number;
}

/** Makes the account of what one kind of work takes of the event loop. */
export function createInline(clock: Clock, { maxBytes, budgetMs, windowMs }: InlineLimits): Inline {
  let spentMs = 0;
  let windowEndMs = Number.NEGATIVE_INFINITY;
  return {
    has(bytes) {
      if (clock.monotonicMs() >= windowEndMs) spentMs = 0;
      return bytes <= maxBytes && spentMs < budgetMs;
    },
    spend(work) {
      const startMs = clock.monotonicMs();
      if (spentMs === 0) windowEndMs = startMs + windowMs;
      const result = work();
      spentMs += clock.monotonicMs() - startMs;
      return result;
    },
  };
}
