import type { Clock } from '@weir/kit';
import { LRUCache } from 'lru-cache';
import type { CacheEntry } from '../gather/entry.ts';
import type { RedactedItem, RemadeItem } from './redact-item.ts';

/** What is kept of what was made of items, by numbers that tell the item and the obligations. */
export interface KeptItems {
  /** What is known of a number. */
  get(name: number): RedactedItem | undefined;
  /** Keeps what was made; a refusal for a while only. */
  set(name: number, made: RedactedItem): void;
  /** Forgets what was made, by its bytes. */
  forget(made: Pick<CacheEntry, 'field'>): void;
}

/** What one costs beside its bytes. */
const OVERHEAD_BYTES = 512;
/** How long an item that was refused is not tried again. */
const REFUSED_KEPT_MS = 30_000;
const REFUSED_MAX = 10_000;

/** Keeps what was made, up to so many bytes. */
export function createKeptItems(clock: Clock, maxBytes: number): KeptItems {
  const refusedUntilMs = new LRUCache<number, number>({ max: REFUSED_MAX });
  const nameOf = new WeakMap<Uint8Array, number>();
  const made = new LRUCache<number, RemadeItem | 'same'>({
    maxSize: maxBytes,
    sizeCalculation: (kept) => (kept === 'same' ? 0 : kept.field.length) + OVERHEAD_BYTES,
  });
  return {
    get(name) {
      const known = made.get(name);
      if (known) return known;
      const untilMs = refusedUntilMs.get(name);
      return untilMs !== undefined && clock.monotonicMs() < untilMs ? 'refused' : undefined;
    },
    set(name, item) {
      if (item === 'refused') refusedUntilMs.set(name, clock.monotonicMs() + REFUSED_KEPT_MS);
      else made.set(name, item);
      if (typeof item === 'object') nameOf.set(item.field, name);
    },
    forget({ field }) {
      const name = nameOf.get(field);
      if (name !== undefined) made.delete(name);
    },
  };
}
