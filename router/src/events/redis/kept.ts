import { EVENTS_KEPT_MS, EVENTS_MAX_BYTES, internalRetentionOf } from '@weir/kit';

/** For how long a request that comes again is known, and how many of a tenant. */
const PUBLICATIONS_KEPT_MS = 86_400_000;
const PUBLICATIONS_MAX = 1_000_000;
/** How long a group is kept that nobody writes, and how many of a tenant. */
const GROUPS_KEPT_MS = 30 * 86_400_000;
export const GROUPS_MAX = 1_000;
/** How much is forgotten in one step, in which Redis does nothing else. */
const ONCE_MAX = 512;
const ONCE_MAX_BYTES = 4 * 1024 * 1024;
/** How many epochs are remembered of a log; cursors of those before cannot be gone on from. */
export const EARLIER_MAX = 64;

/** How much of a log is kept. */
export interface Kept {
  readonly ms: number;
  readonly bytes: number;
  readonly publicationsMs: number;
  readonly publications: number;
  readonly groupsMs: number;
  readonly groups: number;
}

/** What is kept of each tenant, where events are kept for so long, and so many bytes of them as they are encoded. */
export function keptOf(ms: number, bytes: number): Kept {
  return {
    ...{ ms, bytes, publicationsMs: PUBLICATIONS_KEPT_MS, publications: PUBLICATIONS_MAX },
    // Longer than events: who comes back later is told what is gone.
    ...{ groupsMs: Math.max(GROUPS_KEPT_MS, 2 * ms), groups: GROUPS_MAX },
  };
}

/** What is kept of each tenant, where nothing else is set. */
export const keptDefaults: Kept = keptOf(EVENTS_KEPT_MS, EVENTS_MAX_BYTES);

/** What is kept of one log: those of routers have a retention of their own. */
export function keptIn(kept: Kept, log: string): Kept {
  const own = internalRetentionOf(log);
  return own ? { ...kept, ms: own.keptMs, bytes: own.maxBytes } : kept;
}

/** What scripts are told of it, in their order. */
export function wordsOf(kept: Kept): number[] {
  const { ms, bytes, publicationsMs, publications } = kept;
  return [ms, bytes, publicationsMs, publications, ONCE_MAX, ONCE_MAX_BYTES];
}

/** What the script that writes a group is told. */
export function groupWordsOf({ groupsMs, groups }: Kept): number[] {
  return [groupsMs, groups, ONCE_MAX];
}
