import type { Caller } from '@weir/kit';
import type { ItemFacts } from '@weir/policy';
import type { ContextRef } from '@weir/sdk/gen/weir/context/v1/context_pb';
import { type Judged, unjudged } from '../quality/judged.ts';
import type { Offer } from '../snapshot/catalogue.ts';
import { type CacheSpace, createSpaces } from './cache-space.ts';
import type { CacheEntry } from './entry.ts';
import { createInterned } from './interned.ts';
import { entryWith, type Held, Kept } from './kept.ts';
import { ShardedMap } from './sharded-map.ts';
import { Sieve } from './sieve.ts';
import { Slabs } from './slabs.ts';

/** The cache in the router's memory (L1), bounded in bytes. */
export interface MemoryCache {
  /** Where the values of an offer are that the caller shares; cheap when asked again for one caller. */
  spaceOf(caller: Caller, offer: Offer): CacheSpace;
  get(space: CacheSpace, key: string): CacheEntry | undefined;
  /** Keeps an entry, in the place of what is there; returns it as it is kept: its bytes lie elsewhere. */
  set(space: CacheSpace, key: string, entry: CacheEntry): CacheEntry;
  delete(space: CacheSpace, key: string): void;
  /** Forgets what is held under a ref for a tenant's callers, or of its providers; says in which spaces. */
  forget(tenant: string, ref: Ref): readonly string[];
  /** Forgets all that is held for a tenant's callers, or of its providers. */
  forgetAll(tenant: string): void;
  /** What all entries count for, with their keys and what goes with them. */
  readonly bytes: number;
  readonly size: number;
  /** What was done so far. */
  readonly counts: Readonly<MemoryCounts>;
}

/** What names an item, whoever provides it: empty, or one provider. */
type Ref = Pick<ContextRef, 'type' | 'key' | 'provider'>;

/** What a memory cache counts. */
export interface MemoryCounts {
  hits: number;
  misses: number;
  /** Entries that left to make room. */
  evictions: number;
}

/** What an entry costs beside its bytes and texts: its objects, its slots in maps, what is lost in slabs. */
const ENTRY_OVERHEAD_BYTES = 448;
/** What a space costs beside its prefix. */
const SPACE_OVERHEAD_BYTES = 768;

/** What an entry counts for. */
export function entryBytes(key: string, { field, etag, judged, facts }: CacheEntry): number {
  let chars = key.length + etag.length + facts.owner.length;
  for (const note of judged.notes) chars += note.length;
  for (const name in facts.labels) chars += name.length + (facts.labels[name] ?? '').length;
  return ENTRY_OVERHEAD_BYTES + field.length + 2 * chars;
}

/** What a space counts for that has entries. */
export function spaceBytes({ prefix }: { readonly prefix: string }): number {
  return SPACE_OVERHEAD_BYTES + 2 * prefix.length;
}

/** Makes a memory cache. Entries that were not asked for again leave first. */
export function createMemoryCache(maxBytes: number): MemoryCache {
  const counts: MemoryCounts = { hits: 0, misses: 0, evictions: 0 };
  const spaceOf = createSpaces();
  /** All spaces that have entries. */
  const spaces = new Map<string, Held>();
  /** The same by the types that they are of. */
  const byType = new Map<string, Set<Held>>();
  const sieve = new Sieve();
  const slabs = new Slabs();
  const shared = createSharing();
  let bytes = 0;
  let size = 0;

  const heldOf = (space: CacheSpace): Held | undefined => {
    const { held } = space;
    if (held && held.entries.size > 0) return held;
    // Its offer may have been made anew since: what it has is found by what it is.
    space.held = spaces.get(space.prefix);
    return space.held;
  };

  const open = (space: CacheSpace): Held => {
    const { prefix, offer } = space;
    const held: Held = { prefix, offer, entries: new ShardedMap() };
    spaces.set(prefix, held);
    const ofType = byType.get(offer.type);
    if (ofType) ofType.add(held);
    else byType.set(offer.type, new Set([held]));
    bytes += spaceBytes(held);
    space.held = held;
    return held;
  };

  /** Lets go of all but the place in its space. */
  const release = (kept: Kept) => {
    sieve.remove(kept);
    slabs.free(kept);
    bytes -= kept.bytes;
    size--;
  };

  const remove = (kept: Kept) => {
    release(kept);
    const { held } = kept;
    held.entries.delete(kept.key);
    if (held.entries.size > 0) return;
    spaces.delete(held.prefix);
    byType.get(held.offer.type)?.delete(held);
    bytes -= spaceBytes(held);
  };

  /** Makes room for so many bytes in a space. */
  const makeRoom = (space: CacheSpace, needed: number) => {
    while (bytes + needed + (heldOf(space) ? 0 : spaceBytes(space)) > maxBytes) {
      const leaving = sieve.choose();
      if (!leaving) return;
      remove(leaving);
      counts.evictions++;
    }
  };

  /** The slow way to what a space's own reference does not lead to. */
  const find = (space: CacheSpace, key: string): Kept | undefined =>
    space.held && space.held.entries.size > 0 ? undefined : heldOf(space)?.entries.get(key);

  return {
    counts,
    spaceOf,
    get(space, key) {
      const kept = space.held?.entries.get(key) ?? find(space, key);
      if (kept === undefined) {
        counts.misses++;
        return undefined;
      }
      counts.hits++;
      if (!kept.visited) kept.visited = true;
      return kept.entry;
    },
    set(space, key, entry) {
      const before = heldOf(space)?.entries.get(key);
      const needed = entryBytes(key, entry);
      if (before?.entry.field === entry.field && before.bytes === needed) {
        // Confirmed anew: the bytes stay where they are.
        before.entry = shared(entry);
        return before.entry;
      }
      if (needed + spaceBytes(space) > maxBytes) {
        if (before) remove(before);
        return entry;
      }
      if (before) release(before);
      makeRoom(space, needed);
      const held = heldOf(space) ?? open(space);
      // A copy: a key that was cut out of a message would keep all of that.
      const own = Buffer.from(key).toString();
      const kept = new Kept(held, own, shared(entry), needed);
      if (before) kept.visited = before.visited;
      slabs.take(kept);
      sieve.add(kept);
      held.entries.set(own, kept);
      bytes += needed;
      size++;
      return kept.entry;
    },
    delete(space, key) {
      const kept = heldOf(space)?.entries.get(key);
      if (kept) remove(kept);
    },
    forget(tenant, { type, key, provider }) {
      const found: string[] = [];
      for (const held of byType.get(type) ?? []) {
        const { offer, prefix } = held;
        if (provider !== '' && provider !== offer.provider.name) continue;
        if (!concerns(tenant, held)) continue;
        found.push(prefix);
        const kept = held.entries.get(key);
        if (kept) remove(kept);
      }
      return found;
    },
    forgetAll(tenant) {
      for (const held of spaces.values()) {
        if (!concerns(tenant, held)) continue;
        for (const kept of held.entries.values()) remove(kept);
      }
    },
    get bytes() {
      return bytes;
    },
    get size() {
      return size;
    },
  };
}

/** Whether a space is of a tenant's callers, or of its providers. */
function concerns(tenant: string, { offer, prefix }: Held): boolean {
  return tenant === offer.provider.tenant || prefix.startsWith(`${tenant}\0`);
}

/** Makes what has equal facts and judgements be one object each, for most entries' are equal. */
function createSharing(): (entry: CacheEntry) => CacheEntry {
  const factsOf = createInterned(({ sensitivity, labels, owner }: ItemFacts) =>
    JSON.stringify([sensitivity, owner, labels]),
  );
  const judgedOf = createInterned(
    ({ validity, completeness, judgement, notes }: Judged) =>
      `${validity} ${completeness} ${judgement} ${JSON.stringify(notes)}`,
  );
  return (entry) =>
    entryWith(entry, {
      judged: entry.judged === unjudged ? unjudged : judgedOf(entry.judged),
      facts: factsOf(entry.facts),
    });
}
