import type { Clock } from '@weir/kit';

/** Bounds the calls that are made a second time, so that retries never make an outage worse. */
export interface RetryBudget {
  /** A call is made. */
  called(): void;
  /** Whether one more may be made for it; if so, it is counted. */
  take(): boolean;
}

/** What retries and hedges may add to the calls of the window. */
const EXTRA_SHARE = 0.2;
/** So many are allowed in any case: one call alone may be retried too. */
export const EXTRA_MIN = 3;
const WINDOW_MS = 10_000;
const SLICES = 10;
const SLICE_MS = WINDOW_MS / SLICES;

/** Makes a budget over a sliding window of ten seconds. */
export function createRetryBudget(clock: Clock): RetryBudget {
  const calls = new Array<number>(SLICES).fill(0);
  const extra = new Array<number>(SLICES).fill(0);
  let slice = Math.floor(clock.monotonicMs() / SLICE_MS);

  /** Where the present slice is counted; those that fell out of the window are emptied. */
  const at = (): number => {
    const now = Math.floor(clock.monotonicMs() / SLICE_MS);
    for (let passed = Math.min(now - slice, SLICES); passed > 0; passed--) {
      calls[(now - passed + 1) % SLICES] = 0;
      extra[(now - passed + 1) % SLICES] = 0;
    }
    slice = now;
    return now % SLICES;
  };

  return {
    called() {
      const index = at();
      calls[index] = (calls[index] ?? 0) + 1;
    },
    take() {
      const index = at();
      if (sum(extra) + 1 > Math.max(EXTRA_MIN, sum(calls) * EXTRA_SHARE)) return false;
      extra[index] = (extra[index] ?? 0) + 1;
      return true;
    },
  };
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}
