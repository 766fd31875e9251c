import type { Caller, Clock } from '@weir/kit';
import type { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';

/** Notes what happened to a ref, for Explain. */
export type Note = (index: number, stage: Stage, text: string, reason?: Reason) => void;

/** The stages of a call, in their order. */
export type Stage = 'plan' | 'authorise' | 'gather' | 'decide' | 'present';

/** Why a call no longer waits. */
export type Stopped = 'late' | 'gone';

/** One call of a consumer, as the pipeline sees it. */
export interface Call extends Disposable {
  readonly caller: Caller;
  /** Monotonic; when waiting ends at the latest. */
  readonly deadlineMs: number;
  /** Settles when the call no longer waits, or is over; made when first asked for. */
  stopped(): Promise<Stopped>;
  readonly note: Note | undefined;
}

/** Who asks. */
export interface CallOf {
  readonly caller: Caller;
  /** Aborted when the caller has gone; asked for only when something is waited for. */
  readonly signal: AbortSignal;
  readonly note?: Note | undefined;
}

/** How long a call may take. */
export interface CallTimes {
  readonly clock: Clock;
  /** The time left of the call's own deadline. */
  readonly timeoutMs: number | undefined;
  /** The time for each item. */
  readonly itemTimeoutMs: number | undefined;
}

/** The deadline of a call that brings none. */
export const DEFAULT_TIMEOUT_MS = 10_000;
/** What is kept back of the call's time, so that what is there can still be answered. */
const KEPT_BACK_SHARE = 0.05;
const KEPT_BACK_MIN_MS = 2;
const KEPT_BACK_MAX_MS = 50;

/** Begins a call. */
export function createCall(of: CallOf, { clock, ...times }: CallTimes): Call {
  const timeoutMs = times.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const share = timeoutMs * KEPT_BACK_SHARE;
  const keptBackMs = Math.min(Math.max(share, KEPT_BACK_MIN_MS), KEPT_BACK_MAX_MS);
  const waitMs = Math.min(timeoutMs - keptBackMs, times.itemTimeoutMs ?? Number.POSITIVE_INFINITY);
  const deadlineMs = clock.monotonicMs() + waitMs;
  let stopped: Promise<Stopped> | undefined;
  let over = false;
  let onOver = () => {};

  return {
    caller: of.caller,
    deadlineMs,
    note: of.note,
    stopped() {
      stopped ??= new Promise((resolve) => {
        const { signal } = of;
        const onGone = () => resolve('gone');
        if (over || signal.aborted) return onGone();
        const timer = setTimeout(
          () => resolve('late'),
          Math.max(0, deadlineMs - clock.monotonicMs()),
        );
        signal.addEventListener('abort', onGone, { once: true });
        onOver = () => {
          clearTimeout(timer);
          signal.removeEventListener('abort', onGone);
          onGone();
        };
      });
      return stopped;
    },
    [Symbol.dispose]() {
      over = true;
      onOver();
    },
  };
}
