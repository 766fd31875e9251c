import { randomUUID } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { type Clock, createLogger, systemClock } from '@weir/kit';
import { openTcpLink } from '@weir/kit/testing/tcp-link';
import { Redis } from 'ioredis';
import { describe, expect, test } from 'vitest';
import type { CacheEntry } from './entry.ts';
import type { LogPlace } from './forgotten.ts';
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
async function store(
  cache: SharedCache,
  key: string,
  entry: CacheEntry,
  known: readonly LogPlace[] = [],
): Promise<void> {
  for (;;) {
    cache.set(key, entry, known);
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

  describe('what an event told of', () => {
    const place = (position: bigint, epoch = 'e'): LogPlace => ({
      tenant: 'acme',
      epoch,
      position,
    });

    /** Two routers that share the cache, and the key of an item. */
    async function open() {
      const stack = new AsyncDisposableStack();
      const routers = [systemClock, systemClock].map((clock) =>
        stack.use(openRedisCache({ url, clock, log })),
      );
      const [ahead, behind] = routers as [SharedCache, SharedCache];
      const key = `acme\0${randomUUID()}`;
      await store(ahead, key, entryAt(systemClock, 'old'), [place(4n)]);
      await read(behind, key);
      return { stack, ahead, behind, key };
    }

    const entry = (text: string) => entryAt(systemClock, text);
    const textOf = async (cache: SharedCache, key: string) => {
      const [found] = await cache.getMany([key]);
      return found && new TextDecoder().decode(found.field);
    };

    test('is forgotten by all, and not brought back by whoever has not heard of it', async () => {
      const { stack, ahead, behind, key } = await open();
      await using _ = stack;
      ahead.forget(key, place(5n));
      expect(await textOf(ahead, key)).toBeUndefined();
      await expect.poll(() => textOf(behind, key)).toBeUndefined();
      for (const known of [[], [place(4n)], [place(9n, 'other')]]) {
        behind.set(key, entry('old'), known);
        expect(await textOf(behind, key)).toBeUndefined();
      }
      // A deletion does not open the door either.
      behind.delete(key);
      behind.set(key, entry('old'), [place(4n)]);
      expect(await textOf(ahead, key)).toBeUndefined();
      behind.set(key, entry('new'), [place(5n)]);
      expect(await textOf(ahead, key)).toBe('new');
    });

    test('is what the latest told, in whatever order they come', async () => {
      const { stack, ahead, behind, key } = await open();
      await using _ = stack;
      ahead.forget(key, place(7n));
      expect(await textOf(ahead, key)).toBeUndefined();
      behind.forget(key, place(6n));
      expect(await textOf(behind, key)).toBeUndefined();
      behind.set(key, entry('old'), [place(6n)]);
      expect(await textOf(ahead, key)).toBeUndefined();
    });

    test('is a miss until Redis has heard of it, also when Redis was away', async () => {
      const { stack, behind, key } = await open();
      await using _ = stack;
      await using link = await openTcpLink(url);
      await using cut = openRedisCache({ url: link.url, clock: systemClock, log });
      await read(cut, key);
      link.cut();
      await expect.poll(() => textOf(cut, key)).toBeUndefined();
      cut.forget(key, place(5n));
      link.mend();
      expect(await textOf(behind, key)).toBe('old');
      await expect.poll(() => textOf(behind, key), { timeout: 10_000 }).toBeUndefined();
      expect(await textOf(cut, key)).toBeUndefined();
    });

    test('may be all, for one router', async () => {
      const { stack, ahead, behind, key } = await open();
      await using _ = stack;
      ahead.forgetAll();
      expect(await textOf(ahead, key)).toBeUndefined();
      expect(await textOf(behind, key)).toBe('old');
    });
  });
});
