import type { Content } from '@weir/sdk/gen/weir/provider/v1/provider_pb';

/** Values by key, until their time is up. */
export interface Cache {
  get(key: string): Cached | undefined;
  set(key: string, content: Content): Cached;
}

/** A value, and when it came. */
export interface Cached {
  readonly content: Content;
  readonly ttlMs: number;
  readonly sinceMs: number;
}

const entriesMax = 100_000;
const defaultTtlMs = 60_000;

/** A plain map; the oldest entry goes when it is full. */
export function createCache(): Cache {
  const entries = new Map<string, Cached>();
  return {
    get(key) {
      const held = entries.get(key);
      if (held === undefined) return undefined;
      if (Date.now() - held.sinceMs < held.ttlMs) return held;
      entries.delete(key);
      return undefined;
    },
    set(key, content) {
      const [oldest] = entries.keys();
      if (entries.size >= entriesMax && oldest !== undefined) entries.delete(oldest);
      const { ttl } = content;
      const ttlMs = ttl ? Number(ttl.seconds) * 1000 + ttl.nanos / 1e6 : defaultTtlMs;
      const entry = { content, ttlMs, sinceMs: Date.now() };
      entries.set(key, entry);
      return entry;
    },
  };
}
