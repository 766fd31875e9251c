/** How long events are kept. */
const KEPT_MS = 7 * 86_400_000;
/** How much of a tenant's events is kept, as they are encoded. */
const KEPT_MAX_BYTES = 1024 * 1024 * 1024;
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

/** What is kept of each tenant. */
export const keptDefaults: Kept = {
  ms: KEPT_MS,
  bytes: KEPT_MAX_BYTES,
  publicationsMs: PUBLICATIONS_KEPT_MS,
  publications: PUBLICATIONS_MAX,
  groupsMs: GROUPS_KEPT_MS,
  groups: GROUPS_MAX,
};

/** What scripts are told of it, in their order. */
export function wordsOf(kept: Kept): number[] {
  const { ms, bytes, publicationsMs, publications } = kept;
  return [ms, bytes, publicationsMs, publications, ONCE_MAX, ONCE_MAX_BYTES];
}

/** What the script that writes a group is told. */
export function groupWordsOf({ groupsMs, groups }: Kept): number[] {
  return [groupsMs, groups, ONCE_MAX];
}
