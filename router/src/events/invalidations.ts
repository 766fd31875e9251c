import type { ContextRef } from '@weir/sdk/gen/weir/context/v1/context_pb';
import type { LogPlace } from '../gather/forgotten.ts';
import type { Offer } from '../snapshot/catalogue.ts';

/** How many refs are remembered; of older ones nothing that was under way then is kept. */
const REMEMBERED_MAX = 20_000;

/** Which items are not any more what they were, for values that were on their way meanwhile. */
export interface Invalidations {
  /** Where we are; raised with each ref. */
  readonly now: number;
  /** Notes that what a tenant's providers have, or its callers hold, under a ref is another now. */
  note(tenant: string, ref: Pick<ContextRef, 'type' | 'key'>): void;
  /** Notes that of all there is. */
  noteAll(): void;
  /** Whether that was noted, or may have been, since a place, of an item as a tenant's callers share it. */
  since(place: number, tenant: string, offer: Offer, key: string): boolean;
  /** Notes how far a log was taken in. */
  hear(place: LogPlace): void;
  /** How far the logs were taken in that tell of what a tenant's callers share of an offer. */
  heard(tenant: string, offer: Offer): readonly LogPlace[];
}

/** Creates what remembers which items were invalidated. */
export function createInvalidations(): Invalidations {
  /** The oldest first. */
  const noted = new Map<string, number>();
  const logs = new Map<string, LogPlace>();
  let now = 0;
  /** What was noted up to here may be forgotten. */
  let floor = 0;
  const isNoted = (place: number, tenant: string, type: string, key: string) =>
    (noted.get(nameOf(tenant, type, key)) ?? 0) > place;
  return {
    get now() {
      return now;
    },
    note(tenant, { type, key }) {
      now += 1;
      const name = nameOf(tenant, type, key);
      noted.delete(name);
      noted.set(name, now);
      if (noted.size <= REMEMBERED_MAX) return;
      const [oldest] = noted;
      if (!oldest) return;
      noted.delete(oldest[0]);
      floor = oldest[1];
    },
    noteAll() {
      now += 1;
      floor = now;
      noted.clear();
    },
    since(place, tenant, { type, provider: { tenant: owner } }, key) {
      if (place === now) return false;
      if (place < floor || isNoted(place, tenant, type, key)) return true;
      return owner !== tenant && isNoted(place, owner, type, key);
    },
    hear(place) {
      logs.set(place.tenant, place);
    },
    heard(tenant, { provider: { tenant: owner } }) {
      const places = owner === tenant ? [logs.get(tenant)] : [logs.get(tenant), logs.get(owner)];
      return places.filter((place) => place !== undefined);
    },
  };
}

function nameOf(tenant: string, type: string, key: string): string {
  return `${tenant}\0${type}\0${key}`;
}
