import type { AdmissionClock } from './admission.ts';

/** It is learnt from so many calls at least, */
const CALLS_MIN = 64;
/** and so much work: systems tell the time of a thread in steps of some ms, and collections are part of it. */
const WORK_MIN_MS = 100;
/** A thread that was idle for more of the time than this did much that belongs to no call. */
const IDLE_MAX_SHARE = 0.75;
const NEW_SHARE = 0.5;

/** What a call costs on the whole, collections and all, in milliseconds of the processor. */
export class CallCost {
  readonly #clock: AdmissionClock;
  #calls = 0;
  #sinceMs = 0;
  #sinceBusyMs = 0;
  ms: number;

  constructor(clock: AdmissionClock, firstMs: number) {
    this.#clock = clock;
    this.ms = firstMs;
    this.beginAnew();
  }

  /** Forgets what was done since it was learnt last, such as refusals, which are no calls. */
  beginAnew(): void {
    this.#calls = 0;
    this.#sinceMs = this.#clock.nowMs();
    this.#sinceBusyMs = this.#clock.busyMs();
  }

  /** A call is over. */
  over(): void {
    this.#calls += 1;
    if (this.#calls % CALLS_MIN > 0) return;
    const workMs = this.#clock.busyMs() - this.#sinceBusyMs;
    if (workMs < WORK_MIN_MS) return;
    const isIdle = workMs < (1 - IDLE_MAX_SHARE) * (this.#clock.nowMs() - this.#sinceMs);
    if (!isIdle) this.ms += NEW_SHARE * (workMs / this.#calls - this.ms);
    this.beginAnew();
  }
}
