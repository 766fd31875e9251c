import type { Metrics } from '@weir/kit';

/** What the process holds for answers under way: values that have come and are not sent. */
export interface HeldBytes {
  /** Bytes held for all calls. */
  readonly bytes: number;
  /** Begins to hold for one call, up to `maxBytes` at once. */
  open(maxBytes: number): Holding;
}

/** What is held for one call. Disposing of it gives everything back. */
export interface Holding extends Disposable {
  /** Holds a value; or says whose bound it would pass: the call's or that of the whole process. */
  take(bytes: number): 'held' | 'call' | 'process';
  /** A value was sent. */
  giveBack(bytes: number): void;
}

/** Creates the account of what is held, of `maxBytes` at most over all calls. */
export function createHeldBytes(maxBytes: number, metrics?: Metrics): HeldBytes {
  let all = 0;
  metrics?.meter
    .createObservableGauge('weir_answers_held_bytes', {
      description: 'Bytes of values held for answers under way.',
    })
    .addCallback((result) => result.observe(all));
  return {
    get bytes() {
      return all;
    },
    open(callMaxBytes) {
      let own = 0;
      let over = false;
      const giveBack = (bytes: number) => {
        if (over) return;
        own -= bytes;
        all -= bytes;
      };
      return {
        take(bytes) {
          // Values still come when the call is over.
          if (over || own + bytes > callMaxBytes) return 'call';
          if (all + bytes > maxBytes) return 'process';
          own += bytes;
          all += bytes;
          return 'held';
        },
        giveBack,
        [Symbol.dispose]() {
          giveBack(own);
          over = true;
        },
      };
    },
  };
}
