import type { StoredEvent } from '@weir/sdk/gen/weir/events/v1/log_pb';
import { sharedPrefix } from '../gather/cache-key.ts';
import type { MemoryCache } from '../gather/memory-cache.ts';
import type { SharedCache } from '../gather/shared-cache.ts';
import type { SnapshotHolder } from '../snapshot/holder.ts';
import type { Invalidations } from './invalidations.ts';

/** What forgetting needs. */
export interface ForgetDeps {
  readonly memory: MemoryCache;
  readonly shared: SharedCache | undefined;
  readonly holder: SnapshotHolder;
  readonly invalidations: Invalidations;
}

/**
 * Makes what forgets, of an event of a tenant, all that is held of its refs: by its own callers, of
 * whosever providers, and by whoever shares the tenant's providers. What is on its way is not kept when
 * it comes.
 */
export function forgetting({
  memory,
  shared,
  holder,
  invalidations,
}: ForgetDeps): (tenant: string, stored: StoredEvent) => void {
  return (tenant, { event }) => {
    for (const ref of event?.refs ?? []) {
      invalidations.note(tenant, ref);
      const spaces = memory.forget(tenant, ref);
      if (!shared) continue;
      const keys = new Set(spaces.map((prefix) => prefix + ref.key));
      // Other routers may hold it where this one does not.
      const offers = holder.current.tenants.get(tenant)?.catalogue.offers.get(ref.type) ?? [];
      for (const offer of offers) {
        if (offer.scope === 'tenant') keys.add(sharedPrefix(tenant, offer) + ref.key);
      }
      for (const key of keys) shared.delete(key);
    }
  };
}
