import { performance } from 'node:perf_hooks';
import { pause } from './persist.ts';

/** A process that spends so much of its time at work has none to spare. */
const BUSY_SHARE = 0.7;
/** How often that is looked at. */
const LOOK_MS = 50;
/** Then records are shipped all the same: what can be found should not be too old. */
const WAIT_MAX_MS = 10_000;

/**
 * Waits while the event loop is busy with calls, for ten seconds at most: records can wait on the
 * disk, and calls cannot. `busyShare` tells how busy it was since it was asked last, from 0 to 1.
 */
export async function whenSpare(
  signal: AbortSignal,
  busyShare: () => number = watchLoop(),
): Promise<void> {
  for (let waitedMs = 0; waitedMs < WAIT_MAX_MS && !signal.aborted; waitedMs += LOOK_MS) {
    await pause(LOOK_MS, signal);
    if (busyShare() < BUSY_SHARE) return;
  }
}

function watchLoop(): () => number {
  let from = performance.eventLoopUtilization();
  return () => {
    const { utilization } = performance.eventLoopUtilization(from);
    from = performance.eventLoopUtilization();
    return utilization;
  };
}
