import type { Offer } from '../snapshot/catalogue.ts';
import type { CacheEntry } from './entry.ts';
import type { ShardedMap } from './sharded-map.ts';
import type { Slab } from './slabs.ts';

/** The entries of one space, as long as there are any. */
export interface Held {
  readonly prefix: string;
  /** One of those that it was opened for: they are of one type and provider. */
  readonly offer: Offer;
  readonly entries: ShardedMap<Kept>;
}

/** An entry's place in the memory cache. Callers may have the entry for longer than it has its place. */
export class Kept {
  /** Another one, with the same bytes elsewhere, once its slab was cleaned. */
  entry: CacheEntry;
  /** Whether it was asked for since the sieve's hand came by. */
  visited = false;
  readonly key: string;
  readonly held: Held;
  /** What it counts for. */
  readonly bytes: number;
  /** The next in the sieve, added later. */
  newer: Kept | undefined = undefined;
  older: Kept | undefined = undefined;
  /** Where its bytes are; undefined: in a buffer of their own. */
  slab: Slab | undefined = undefined;
  /** Its place among those of the slab. */
  slot = 0;

  constructor(held: Held, key: string, entry: CacheEntry, bytes: number) {
    this.entry = entry;
    this.key = key;
    this.held = held;
    this.bytes = bytes;
  }
}

/** The entry with other parts. All entries of the hot path are made here, so that they have one shape. */
export function entryWith(
  entry: CacheEntry,
  parts: Partial<Pick<CacheEntry, 'field' | 'itemOffset' | 'judged' | 'facts'>>,
): CacheEntry {
  return {
    field: parts.field ?? entry.field,
    itemOffset: parts.itemOffset ?? entry.itemOffset,
    negative: entry.negative,
    large: entry.large,
    etag: entry.etag,
    judged: parts.judged ?? entry.judged,
    facts: parts.facts ?? entry.facts,
    confirmedAtMs: entry.confirmedAtMs,
    ttlMs: entry.ttlMs,
    staleMs: entry.staleMs,
  };
}
