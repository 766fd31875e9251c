import type { Clock } from '@weir/kit';
import type { BreakerState } from './observer.ts';

/**
 * How a call ended, for a breaker: the provider is alive, it failed, it sent far more than was
 * asked for, or nothing was seen of it.
 */
export type Verdict = 'alive' | 'failed' | 'flooded' | 'unseen';

/** Keeps calls away from a provider that fails, and finds out when it is well again. */
export interface Breaker {
  readonly state: BreakerState;
  /** Why it is not closed, for people. */
  readonly why: string;
  /** How long calls are refused yet, in milliseconds; 0: one may go. */
  refusedForMs(): number;
  /** Lets a call go; what it returns is to be called once it has ended. Undefined: refused. */
  enter(): ((verdict: Verdict) => void) | undefined;
}

/** So many failures in a row open a breaker. */
const FAILURES_TO_OPEN = 5;
/** How long it is open for the first time; twice as long after every trial that fails. */
const OPEN_MIN_MS = 1_000;
const OPEN_MAX_MS = 30_000;
/** When to ask again while a trial is under way. */
const TRIAL_RETRY_MS = 1_000;

/** Makes a closed breaker. It keeps no timer: an open one is tried by the next call. */
export function createBreaker(clock: Clock, onState: (state: BreakerState) => void): Breaker {
  let state: BreakerState = 'closed';
  let failures = 0;
  let openMs = OPEN_MIN_MS;
  let openUntilMs = 0;
  let trying = false;
  let why = '';
  /** Calls that began before the state changed have no say in what it is now. */
  let era = 0;

  const become = (next: BreakerState) => {
    state = next;
    failures = 0;
    trying = false;
    era++;
    onState(next);
  };
  const open = (reason: string, forMs: number) => {
    why = reason;
    openMs = forMs;
    openUntilMs = clock.monotonicMs() + openMs;
    become('open');
  };
  const refusedForMs = () => {
    if (state === 'open') return Math.max(0, openUntilMs - clock.monotonicMs());
    return trying ? TRIAL_RETRY_MS : 0;
  };
  const judge = (verdict: Verdict) => {
    trying = false;
    if (verdict === 'alive') {
      failures = 0;
      if (state === 'half-open') become('closed');
    } else if (verdict === 'flooded') {
      // Reading it costs everybody: good answers in between do not make up for that.
      open('sent far more than was asked for', OPEN_MAX_MS);
    } else if (verdict === 'failed') {
      failures++;
      if (state === 'half-open') open(why, Math.min(openMs * 2, OPEN_MAX_MS));
      else if (failures >= FAILURES_TO_OPEN) open(`failed ${failures} times in a row`, OPEN_MIN_MS);
    }
  };

  return {
    get state() {
      return state;
    },
    get why() {
      return why;
    },
    refusedForMs,
    enter() {
      if (refusedForMs() > 0) return undefined;
      if (state === 'open') become('half-open');
      trying = state === 'half-open';
      const begun = era;
      let ended = false;
      return (verdict) => {
        if (ended || begun !== era) return;
        ended = true;
        judge(verdict);
      };
    },
  };
}
