import { LRUCache } from 'lru-cache';
import type { CacheEntry } from './entry.ts';

/** The cache in the router's memory (L1), bounded in bytes. */
export interface MemoryCache {
  get(key: string): CacheEntry | undefined;
  set(key: string, entry: CacheEntry): void;
  delete(key: string): void;
  readonly bytes: number;
  readonly size: number;
}

/** What an entry costs beside its bytes: the object, the map's slot and the key. */
const ENTRY_OVERHEAD_BYTES = 256;

/** Makes a memory cache; the entries least recently used leave first, and that is told. */
export function createMemoryCache(maxBytes: number, onEvicted = () => {}): MemoryCache {
  const cache = new LRUCache<string, CacheEntry>({
    maxSize: maxBytes,
    dispose: (_entry, _key, why) => {
      if (why === 'evict') onEvicted();
    },
    sizeCalculation: (entry, key) =>
      entry.field.length + notesBytes(entry) + key.length * 2 + ENTRY_OVERHEAD_BYTES,
  });
  return {
    get: (key) => cache.get(key),
    set: (key, entry) => void cache.set(key, entry),
    delete: (key) => void cache.delete(key),
    get bytes() {
      return cache.calculatedSize;
    },
    get size() {
      return cache.size;
    },
  };
}

function notesBytes({ judged }: CacheEntry): number {
  return judged.notes.reduce((bytes, note) => bytes + note.length * 2, 0);
}
