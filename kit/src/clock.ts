/** The time, given at the root so that tests can hold it. */
export interface Clock {
  /** Milliseconds since 1970: for what people read. */
  wallMs(): number;
  /** Milliseconds that never go back: for durations, leases and deadlines. */
  monotonicMs(): number;
}

/** The clock of the machine. */
export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};
