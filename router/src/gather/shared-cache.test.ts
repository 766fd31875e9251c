import { randomUUID } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { type Clock, createLogger, systemClock } from '@weir/kit';
import { Redis } from 'ioredis';
import { describe, expect, test } from 'vitest';
import type { CacheEntry } from './entry.ts';
import { openRedisCache, type SharedCache } from './shared-cache.ts';

const url = process.env.WEIR_TEST_REDIS_URL ?? '';
const log = createLogger({ name: 'test', level: 'silent' });
const HOUR_MS = 3_600_000;
const AGE_MS = 5_000;

/** A machine whose clocks say something else than Redis's. */
function clockAhead(ms: number): Clock {
  return {
    wallMs: () => systemClock.wallMs() + ms,
    monotonicMs: () => systemClock.monotonicMs() + ms,
  };
}

function entryAt(clock: Clock, text: string): CacheEntry {
  return {
    field: new TextEncoder().encode(text),
    itemOffset: 0,
    negative: false,
    large: false,
    etag: 'e1',
    judged: { validity: 1, completeness: 1, judgement: Number.NaN, notes: [] },
    facts: { sensitivity: 1, labels: { team: 'red' }, owner: 'lin' },
    confirmedAtMs: clock.monotonicMs() - AGE_MS,
    ttlMs: 60_000,
    staleMs: 0,
  };
}

/** What the cache has under a key, once it has it. */
async function read(cache: SharedCache, key: string): Promise<CacheEntry> {
  for (;;) {
    const [entry] = await cache.getMany([key]);
    if (entry) return entry;
    await setImmediate();
  }
}

/** Stores an entry, as often as it takes until Redis is there. */
async function store(cache: SharedCache, key: string, entry: CacheEntry): Promise<void> {
  for (;;) {
    cache.set(key, entry);
    const [stored] = await cache.getMany([key]);
    if (stored) return;
    await setImmediate();
  }
}

describe.skipIf(url === '')('the shared cache (needs WEIR_TEST_REDIS_URL)', () => {
  test.each([HOUR_MS, -HOUR_MS])(
    'tells how old an entry is, whatever the clock of its writer says: %i ms off',
    async (offMs) => {
      const clock = clockAhead(offMs);
      await using writer = openRedisCache({ url, clock, log });
      await using reader = openRedisCache({ url, clock: systemClock, log });
      const key = `test\0${randomUUID()}`;
      await store(writer, key, entryAt(clock, 'value'));
      const entry = await read(reader, key);
      const ageMs = systemClock.monotonicMs() - entry.confirmedAtMs;
      expect(ageMs).toBeGreaterThan(AGE_MS - 200);
      expect(ageMs).toBeLessThan(HOUR_MS / 2);
    },
  );

  test('takes the value of another key for garbage', async () => {
    await using cache = openRedisCache({ url, clock: systemClock, log });
    const redis = new Redis(url);
    const [one, other] = [`test\0${randomUUID()}`, `test\0${randomUUID()}`];
    await store(cache, one, entryAt(systemClock, 'one'));
    await redis.copy(`weir:1:${one}`, `weir:1:${other}`);
    expect(await cache.getMany([one, other])).toMatchObject([{ etag: 'e1' }, undefined]);
    redis.disconnect();
  });
});
