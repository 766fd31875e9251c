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
export function createCall(of: CallOf, times: CallTimes): Call {
  return new OpenCall(of, times);
}

/** Of the hot path: most calls wait for nothing, and make neither promise nor timer. */
class OpenCall implements Call {
  readonly #of: CallOf;
  readonly #clock: Clock;
  readonly deadlineMs: number;
  #stopped: Promise<Stopped> | undefined;
  #over = false;
  #onOver: (() => void) | undefined;

  constructor(of: CallOf, { clock, timeoutMs = DEFAULT_TIMEOUT_MS, itemTimeoutMs }: CallTimes) {
    this.#of = of;
    this.#clock = clock;
    const share = timeoutMs * KEPT_BACK_SHARE;
    const keptBackMs = Math.min(Math.max(share, KEPT_BACK_MIN_MS), KEPT_BACK_MAX_MS);
    const waitMs = Math.min(timeoutMs - keptBackMs, itemTimeoutMs ?? Number.POSITIVE_INFINITY);
    this.deadlineMs = clock.monotonicMs() + waitMs;
  }

  get caller(): Caller {
    return this.#of.caller;
  }

  get note(): Note | undefined {
    return this.#of.note;
  }

  stopped(): Promise<Stopped> {
    this.#stopped ??= new Promise((resolve) => {
      const { signal } = this.#of;
      const onGone = () => resolve('gone');
      if (this.#over || signal.aborted) return onGone();
      const timer = setTimeout(
        () => resolve('late'),
        Math.max(0, this.deadlineMs - this.#clock.monotonicMs()),
      );
      signal.addEventListener('abort', onGone, { once: true });
      this.#onOver = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', onGone);
        onGone();
      };
    });
    return this.#stopped;
  }

  [Symbol.dispose](): void {
    this.#over = true;
    this.#onOver?.();
  }
}
