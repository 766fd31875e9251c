import { type Metrics, refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { createRoom } from '../room.ts';

/** The most subscriptions of a process; they last, and are not among the calls at work. */
export const SUBSCRIPTIONS_MAX = 10_000;
/** What one tenant may have of them, so that it leaves room for others. */
const TENANT_SHARE = 0.75;

const RETRY_MS = 1_000;

/** The subscriptions that are open. */
export interface Subscriptions {
  /** Opens one, which ends when what is returned is disposed of. Throws OVERLOADED when there are too many. */
  open(tenant: string): Disposable;
}

/** Counts subscriptions, and bounds them. */
export function createSubscriptions({ meter }: Pick<Metrics, 'meter'>): Subscriptions {
  const room = createRoom(SUBSCRIPTIONS_MAX, TENANT_SHARE);
  let open = 0;
  meter
    .createObservableGauge('weir_subscriptions', { description: 'Subscriptions to events, open.' })
    .addCallback((result) => result.observe(open));
  return {
    open(tenant) {
      if (!room.take(tenant, 1)) {
        const text = 'the router has as many subscriptions as it may; subscribe at another one';
        throw refuse(Reason.OVERLOADED, text, { retryDelayMs: RETRY_MS });
      }
      open += 1;
      return {
        [Symbol.dispose]() {
          open -= 1;
          room.give(tenant, 1);
        },
      };
    },
  };
}
