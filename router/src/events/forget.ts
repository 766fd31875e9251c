import type { StoredEvent } from '@weir/sdk/gen/weir/events/v1/log_pb';
import { sharedPrefix } from '../gather/cache-key.ts';
import type { LogPlace } from '../gather/forgotten.ts';
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

/** What forgets, as logs are taken in. */
export interface Forgetting {
  /**
   * Forgets, of an event, all that is held of its refs: by the callers of its tenant, of whosever
   * providers, and by whoever shares the tenant's providers. What is on its way is not kept when it comes.
   */
  event(event: StoredEvent, place: LogPlace): void;
  /** A log is taken in from a place on. What came before that was not heard of. */
  begun(place: LogPlace): void;
}

/** Makes what forgets. */
export function forgetting(deps: ForgetDeps): Forgetting {
  const { memory, shared, holder, invalidations } = deps;
  const logs = new Set<string>();
  return {
    event({ event }, place) {
      const { tenant } = place;
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
        for (const key of keys) shared.forget(key, place);
      }
      // Only now: until then others know better what is to be kept.
      invalidations.hear(place);
    },
    begun(place) {
      invalidations.noteAll();
      memory.forgetAll(place.tenant);
      // Other routers have heard of what came before this one began.
      if (logs.has(place.tenant)) shared?.forgetAll();
      logs.add(place.tenant);
      invalidations.hear(place);
    },
  };
}
