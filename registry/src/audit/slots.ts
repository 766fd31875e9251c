import { refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';

/** Exports, reports and erasures under way at once; each may read all records there are. */
const AT_ONCE = 4;
/** Of one tenant. */
const AT_ONCE_OF_TENANT = 1;
const RETRY_DELAY_MS = 5000;

/** Bounds the long readings that are under way. */
export interface Slots {
  /** Begins one; disposing of it ends it. Throws OVERLOADED. */
  take(tenant: string): Disposable;
}

/** Creates the slots of a registry. */
export function createSlots(): Slots {
  const held = new Map<string, number>();
  const total = () => [...held.values()].reduce((sum, count) => sum + count, 0);
  return {
    take(tenant) {
      const own = held.get(tenant) ?? 0;
      if (own >= AT_ONCE_OF_TENANT || total() >= AT_ONCE) {
        const whose = own >= AT_ONCE_OF_TENANT ? 'the tenant has' : 'there are';
        const text = `${whose} as many exports and reports under way as there may be; wait for them`;
        throw refuse(Reason.OVERLOADED, text, { retryDelayMs: RETRY_DELAY_MS });
      }
      held.set(tenant, own + 1);
      return {
        [Symbol.dispose]() {
          const left = (held.get(tenant) ?? 1) - 1;
          if (left > 0) held.set(tenant, left);
          else held.delete(tenant);
        },
      };
    },
  };
}
