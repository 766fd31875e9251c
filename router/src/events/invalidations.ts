import type { ContextRef } from '@weir/sdk/gen/weir/context/v1/context_pb';

/** How many refs are remembered; of older ones nothing that was under way then is kept. */
const REMEMBERED_MAX = 20_000;

/** Which items are not any more what they were, for values that were on their way meanwhile. */
export interface Invalidations {
  /** Where we are; raised with each ref. */
  readonly now: number;
  /** Notes that what a tenant's providers have, or its callers hold, under a ref is another now. */
  note(tenant: string, ref: Pick<ContextRef, 'type' | 'key'>): void;
  /** Whether that was noted, or may have been, since a place. */
  since(place: number, tenant: string, ref: Pick<ContextRef, 'type' | 'key'>): boolean;
}

/** Creates what remembers which items were invalidated. */
export function createInvalidations(): Invalidations {
  /** The oldest first. */
  const noted = new Map<string, number>();
  let now = 0;
  /** What was noted up to here may be forgotten. */
  let floor = 0;
  const nameOf = (tenant: string, { type, key }: Pick<ContextRef, 'type' | 'key'>) =>
    `${tenant}\0${type}\0${key}`;
  return {
    get now() {
      return now;
    },
    note(tenant, ref) {
      now += 1;
      const name = nameOf(tenant, ref);
      noted.delete(name);
      noted.set(name, now);
      if (noted.size <= REMEMBERED_MAX) return;
      const [oldest] = noted;
      if (!oldest) return;
      noted.delete(oldest[0]);
      floor = oldest[1];
    },
    since(place, tenant, ref) {
      if (place === now) return false;
      return place < floor || (noted.get(nameOf(tenant, ref)) ?? 0) > place;
    },
  };
}
