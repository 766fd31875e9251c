import { createTally, type Metrics, refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { createRoom } from '../room.ts';
import type { Pace } from './pace.ts';

/** The most subscriptions of a process; they last, and are not among the calls at work. */
export const SUBSCRIPTIONS_MAX = 10_000;
/** What one tenant may have of them, so that it leaves room for others. */
const TENANT_SHARE = 0.75;

const RETRY_MS = 1_000;

/** A subscription whose reader lets a message wait for so long is paused: nothing more is read for it. */
const PAUSED_MS = 100;
/** Numbers of events. */
const BATCH_BUCKETS = [1, 2, 4, 8, 16, 32, 64, 128, 256];

/** The subscriptions that are open. */
export interface Subscriptions {
  /** Opens one, which ends when what is returned is disposed of. Throws OVERLOADED when there are too many. */
  open(tenant: string, pace: Pace): Subscription;
}

/** A subscription that is open. */
export interface Subscription extends Disposable {
  /** A message of so many events is given to its reader. */
  given(events: number): void;
  /** The reader took it. */
  taken(): void;
}

/** Counts subscriptions, shows how their readers keep up, and bounds them. */
export function createSubscriptions({
  meter,
  histogram,
}: Pick<Metrics, 'meter' | 'histogram'>): Subscriptions {
  const room = createRoom(SUBSCRIPTIONS_MAX, TENANT_SHARE);
  const paces = new Set<Pace>();
  const gauge = (name: string, description: string, look: () => number) =>
    meter
      .createObservableGauge(name, { description })
      .addCallback((result) => result.observe(look()));
  const paused = () => [...paces].filter(({ waitingMs }) => waitingMs > PAUSED_MS).length;
  gauge('weir_subscriptions', 'Subscriptions to events, open.', () => paces.size);
  gauge('weir_subscriptions_paused', 'Those whose readers do not read just now.', paused);
  const pauses = createTally<'pause'>(meter, {
    name: 'weir_subscription_pauses',
    description: 'How often subscriptions went on after their readers had not read for a while.',
    labels: () => ({}),
    shown: ['pause'],
  });
  const batches = histogram({
    name: 'weir_subscription_batch_events',
    description: 'How many events were delivered together.',
    boundaries: BATCH_BUCKETS,
  });
  return {
    open(tenant, pace) {
      if (!room.take(tenant, 1)) {
        const text = 'the router has as many subscriptions as it may; subscribe at another one';
        throw refuse(Reason.OVERLOADED, text, { retryDelayMs: RETRY_MS });
      }
      paces.add(pace);
      return {
        given(events) {
          if (events > 0) batches.record(events);
          pace.given(events);
        },
        taken() {
          if (pace.waitingMs > PAUSED_MS) pauses('pause');
          pace.taken();
        },
        [Symbol.dispose]() {
          paces.delete(pace);
          room.give(tenant, 1);
        },
      };
    },
  };
}
