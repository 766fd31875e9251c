import type { Clock } from '@weir/kit';
import type { RefusedCall } from './recorded.ts';

/** Calls that nobody was let in for and that are recorded each on its own, one after the other. */
export const REFUSED_RECORDS_BURST = 100;
/** After how long there is room for one more of them. */
const REFUSED_RECORD_MS = 1_000;
/** How often records are made of those that found no room. */
const COUNTED_MS = 10_000;
/** For so many addresses one each by reason; of all others together, one by reason. */
const COUNTED_APART = 20;

/** Keeps callers without a credential from filling the disk. */
export interface RefusedCalls extends Disposable {
  add(call: RefusedCall): void;
}

/**
 * Hands on calls one by one while there is room; the others after a while, for each reason and address
 * one call that stands for all. However many there are, they come to some 300,000 records a day.
 */
export function createRefusedCalls(
  clock: Clock,
  record: (call: RefusedCall, calls: number) => void,
): RefusedCalls {
  let room = REFUSED_RECORDS_BURST;
  let filledMs = clock.monotonicMs();
  let timer: NodeJS.Timeout | undefined;
  const counted = new Map<string, { readonly call: RefusedCall; calls: number }>();
  const count = (call: RefusedCall) => {
    const own = `${call.reason} ${call.network}`;
    const network = counted.has(own) || counted.size < COUNTED_APART ? call.network : '';
    const name = `${call.reason} ${network}`;
    const same = counted.get(name);
    if (same) same.calls += 1;
    else counted.set(name, { call: { ...call, requestId: '', network }, calls: 1 });
  };

  const recordCounted = () => {
    timer = undefined;
    for (const { call, calls } of counted.values()) record(call, calls);
    counted.clear();
  };

  return {
    add(call) {
      const nowMs = clock.monotonicMs();
      room = Math.min(REFUSED_RECORDS_BURST, room + (nowMs - filledMs) / REFUSED_RECORD_MS);
      filledMs = nowMs;
      if (room >= 1) {
        room -= 1;
        record(call, 1);
        return;
      }
      count(call);
      timer ??= setTimeout(recordCounted, COUNTED_MS).unref();
    },
    [Symbol.dispose]() {
      clearTimeout(timer);
      recordCounted();
    },
  };
}
