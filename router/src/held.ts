import type { Metrics } from '@weir/kit';
import { createRoom } from './room.ts';

/** What one tenant may hold of it all, so that its slow readers leave room for others. */
const TENANT_SHARE = 0.75;

/** What the process holds for answers under way: values that have come and are not sent. */
export interface HeldBytes {
  /** Bytes held for all calls. */
  readonly bytes: number;
  /** Begins to hold for one call of a tenant, up to `maxBytes` at once. */
  open(tenant: string, maxBytes: number): Holding;
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
  const room = createRoom(maxBytes, TENANT_SHARE);
  metrics?.meter
    .createObservableGauge('weir_answers_held_bytes', {
      description: 'Bytes of values held for answers under way.',
    })
    .addCallback((result) => result.observe(all));
  return {
    get bytes() {
      return all;
    },
    open(tenant, callMaxBytes) {
      let own = 0;
      let over = false;
      const giveBack = (bytes: number) => {
        if (over) return;
        own -= bytes;
        all -= bytes;
        room.give(tenant, bytes);
      };
      return {
        take(bytes) {
          // Values still come when the call is over.
          if (over || own + bytes > callMaxBytes) return 'call';
          if (!room.take(tenant, bytes)) return 'process';
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
