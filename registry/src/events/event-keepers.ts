import { EVENTS_KEPT_MS, EVENTS_MAX_BYTES } from '@weir/kit';
import type { Core } from '../core.ts';
import { repeat } from '../repeat.ts';
import type { EventStore } from './event-store.ts';

/** For how long a request that comes again is known. */
export const PUBLICATIONS_KEPT_MS = 86_400_000;
/**
 * How long a group of workers is kept that nobody pulls from, or twice as long as events: so that who
 * comes back later is told what is gone.
 */
export const GROUPS_KEPT_MS = 30 * 86_400_000;

/** How long it is known how far a provider was read that nobody watches. */
export const WATCHES_KEPT_MS = 30 * 86_400_000;

const INTERVAL_MS = 60_000;
const DUTY_MS = 2 * INTERVAL_MS;
/** Of one tenant, or of all requests or groups, in one transaction. */
const ONCE_MAX = 1_000;

/** How much of the events of a tenant is kept: whichever is less. */
export interface EventRetention {
  /** For how long. */
  readonly keptMs: number;
  /** How much of them, as they are in the database. */
  readonly maxBytes: number;
}

/** Opens what forgets old events. */
export function openEventKeepers(
  core: Core,
  store: EventStore,
  retention: EventRetention,
): AsyncDisposable {
  const { clock, log } = core;
  const holder = core.newId();
  const keepers = new AsyncDisposableStack();
  keepers.defer(() => core.store.releaseDuties(holder).catch(() => {}));
  const forget = async () => {
    const nowMs = clock.wallMs();
    if (!(await core.store.holdDuty('events', holder, nowMs, nowMs + DUTY_MS))) return;
    await forgetOld(store, nowMs, retention);
  };
  const intervalMs = Math.min(INTERVAL_MS, retention.keptMs);
  keepers.use(repeat('forgetting old events', intervalMs, forget, log));
  return keepers;
}

/** Forgets what is beyond what is kept, of all tenants, and what was not used for long. */
export async function forgetOld(
  store: EventStore,
  nowMs: number,
  { keptMs, maxBytes }: EventRetention = { keptMs: EVENTS_KEPT_MS, maxBytes: EVENTS_MAX_BYTES },
): Promise<void> {
  const retention = { beforeMs: nowMs - keptMs, maxBytes };
  for (const tenant of await store.beyond(retention)) {
    while ((await store.prune(tenant, retention, ONCE_MAX)) === ONCE_MAX);
  }
  await store.forgetInternal(nowMs, ONCE_MAX);
  const beforeMs = nowMs - PUBLICATIONS_KEPT_MS;
  while ((await store.forgetPublications(beforeMs, ONCE_MAX)) === ONCE_MAX);
  const groupsBeforeMs = nowMs - Math.max(GROUPS_KEPT_MS, 2 * keptMs);
  while ((await store.forgetGroups(groupsBeforeMs, ONCE_MAX)) === ONCE_MAX);
  const watchesBeforeMs = nowMs - WATCHES_KEPT_MS;
  while ((await store.watches.forget(watchesBeforeMs, ONCE_MAX)) === ONCE_MAX);
}
