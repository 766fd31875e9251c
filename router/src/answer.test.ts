import { randomUUID } from 'node:crypto';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { createLogger } from '@weir/kit';
import { CacheStatus } from '@weir/sdk/gen/weir/context/v1/context_pb';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { CacheScope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { Redis } from 'ioredis';
import { describe, expect, test } from 'vitest';
import { createTestClock, openAnswering } from '../test/answering.ts';
import { testCaller } from '../test/entries.ts';
import { content, openProviderServer } from '../test/provider-server.ts';
import { openRedisCache } from './gather/shared-cache.ts';

const TTL_MS = 60_000;

function docs(more: object = {}, context: object = {}) {
  return {
    name: 'docs',
    version: '1.0.0',
    contexts: [{ type: 'DocChunk', version: '1.0.0', ttl: durationFromMs(TTL_MS), ...context }],
    ...more,
  };
}

const caches = (outcomes: readonly { cache: CacheStatus }[]) => outcomes.map((o) => o.cache);

/** Counts what look-ups Redis gets for one provider's items; other tests use the same Redis. */
async function watchLookUps(redis: Redis, provider: string) {
  const monitor = await redis.monitor();
  const mark = randomUUID();
  const reached = Promise.withResolvers<void>();
  let lookUps = 0;
  monitor.on('monitor', (_time, [command, ...args]: string[]) => {
    if (args.includes(mark)) reached.resolve();
    else if (command?.toLowerCase() === 'mget' && args.some((key) => key.includes(provider)))
      lookUps += 1;
  });
  return {
    /** Redis tells in order: what it got before the mark is counted when the mark is there. */
    async count() {
      await redis.ping(mark);
      await reached.promise;
      return lookUps;
    },
    [Symbol.asyncDispose]: async () => monitor.disconnect(),
  };
}

describe('a batch', () => {
  test('a fault of our own with some items is not that of the others', async () => {
    await using server = await openProviderServer({ fetch: ({ key }) => content({ key }) });
    const shared = {
      getMany: () => Promise.reject(new Error('a secret of the house')),
      set: () => {},
      delete: () => {},
      forget: () => {},
      forgetAll: () => {},
      [Symbol.asyncDispose]: async () => {},
    };
    const providers = [{ manifest: docs(), urls: [server.url] }];
    await using weir = openAnswering(providers, { shared });
    const { texts } = await weir.fetch(['Unheard/x', 'DocChunk/a']);
    expect(texts).toEqual([
      'refused: there is no type Unheard; there are: DocChunk, Metric',
      'refused: internal error',
    ]);
  });

  test('is answered in order, each on its own, by one upstream call for each provider', async () => {
    await using server = await openProviderServer({
      fetch: ({ key }) => (key === 'none' ? { case: 'notFound', value: {} } : content({ key })),
    });
    await using weir = openAnswering([{ manifest: docs(), urls: [server.url] }]);
    const { texts, outcomes } = await weir.fetch([
      'DocChunk/a',
      'DocChunk/none',
      'Unheard/x',
      'DocChunk/b',
      'DocChunk/a',
    ]);
    expect(texts).toEqual([
      '{"key":"a"}',
      'refused: DocChunk has no "none"',
      'refused: there is no type Unheard; there are: DocChunk, Metric',
      '{"key":"b"}',
      '{"key":"a"}',
    ]);
    expect(server.requests.map((r) => r.queries.map((q) => q.key))).toEqual([['a', 'none', 'b']]);
    expect(caches(outcomes)).toEqual([
      CacheStatus.MISS,
      CacheStatus.MISS,
      CacheStatus.UNSPECIFIED,
      CacheStatus.MISS,
      CacheStatus.COALESCED,
    ]);
    const again = await weir.fetch(['DocChunk/a', 'DocChunk/none', 'DocChunk/b']);
    expect(again.texts[1]).toBe('refused: DocChunk has no "none"');
    expect(again.outcomes[0]?.cache).toBe(CacheStatus.HIT_MEMORY);
    expect(server.requests).toHaveLength(1);
  });

  test('goes to the next provider for the keys that the first does not have', async () => {
    await using first = await openProviderServer({
      fetch: ({ key }) => (key === 'a' ? content('first') : { case: 'notFound', value: {} }),
    });
    await using second = await openProviderServer({ fetch: ({ key }) => content(`second ${key}`) });
    await using weir = openAnswering([
      { manifest: docs({ priority: 1 }), urls: [first.url] },
      { manifest: docs({ name: 'wiki' }), urls: [second.url] },
    ]);
    const { texts } = await weir.fetch(['DocChunk/a', 'DocChunk/b', 'DocChunk/c']);
    expect(texts).toEqual(['"first"', '"second b"', '"second c"']);
    expect(second.requests.map((r) => r.queries.map((q) => q.key))).toEqual([['b', 'c']]);
  });

  test('callers of the same key at the same time share one upstream call', async () => {
    const gate = Promise.withResolvers<void>();
    await using server = await openProviderServer({
      fetch: async ({ key }) => {
        await gate.promise;
        return content(key);
      },
    });
    await using weir = openAnswering([{ manifest: docs(), urls: [server.url] }]);
    const calls = Array.from({ length: 20 }, () => weir.fetch(['DocChunk/a', 'DocChunk/b']));
    gate.resolve();
    for (const { texts } of await Promise.all(calls)) expect(texts).toEqual(['"a"', '"b"']);
    expect(server.requests).toHaveLength(1);
    expect(weir.flights.size).toBe(0);
  });

  test('values made for one principal are never given to another', async () => {
    await using server = await openProviderServer({ fetch: () => content(server.requests.length) });
    const wants = docs({ wantsPrincipal: true, principalAttributes: ['clearance'] });
    await using weir = openAnswering([{ manifest: wants, urls: [server.url] }]);
    const lin = testCaller({ principal: 'lin', attributes: { clearance: 2, secret: 'x' } });
    const mia = testCaller({ principal: 'mia' });
    expect((await weir.fetch(['DocChunk/a'], { caller: lin })).texts).toEqual(['1']);
    expect((await weir.fetch(['DocChunk/a'], { caller: mia })).texts).toEqual(['2']);
    expect((await weir.fetch(['DocChunk/a'], { caller: lin })).texts).toEqual(['1']);
    expect(server.requests[0]?.caller?.principal).toBe('lin');
    expect(server.requests[0]?.caller?.attributes).toEqual({ clearance: 2 });
  });

  test('a key that ends like another key joined with a separator is another key', async () => {
    await using server = await openProviderServer({ fetch: ({ key }) => content(key) });
    await using weir = openAnswering([{ manifest: docs(), urls: [server.url] }]);
    const keys = ['a/b', 'a%2Fb', 'a|b', 'a\\b', 'a:b', 'A/b'];
    const { texts } = await weir.fetch(keys.map((key) => `DocChunk/${key}`));
    expect(texts).toEqual(keys.map((key) => JSON.stringify(key)));
    await expect(weir.fetch(['DocChunk/a\0b'])).rejects.toMatchObject({
      reason: Reason.INVALID_KEY,
    });
  });
});

describe('what is cached', () => {
  test('is fresh for its ttl, then revalidated by its etag', async () => {
    const clock = createTestClock();
    await using server = await openProviderServer({
      fetch: ({ knownEtag }) =>
        knownEtag === 'v1'
          ? { case: 'notModified', value: {} }
          : content('value', { etag: 'v1', ttl: durationFromMs(1_000) }),
    });
    await using weir = openAnswering([{ manifest: docs(), urls: [server.url] }], { clock });
    await weir.fetch(['DocChunk/a']);
    clock.advance(500);
    const hit = await weir.fetch(['DocChunk/a']);
    expect(caches(hit.outcomes)).toEqual([CacheStatus.HIT_MEMORY]);
    clock.advance(600);
    const again = await weir.fetch(['DocChunk/a']);
    expect(caches(again.outcomes)).toEqual([CacheStatus.REVALIDATED]);
    expect(again.texts).toEqual(['"value"']);
    const strict = await weir.fetch(['DocChunk/a'], { maxAge: durationFromMs(0) });
    expect(strict.outcomes[0]?.cache).toBe(CacheStatus.REVALIDATED);
  });

  test('is served stale while it is refreshed', async () => {
    const clock = createTestClock();
    let version = 1;
    await using server = await openProviderServer({ fetch: () => content(version) });
    const context = { ttl: durationFromMs(1_000), staleWhileRevalidate: durationFromMs(5_000) };
    await using weir = openAnswering([{ manifest: docs({}, context), urls: [server.url] }], {
      clock,
    });
    expect((await weir.fetch(['DocChunk/a'])).texts).toEqual(['1']);
    version = 2;
    clock.advance(1_500);
    const stale = await weir.fetch(['DocChunk/a']);
    expect([stale.texts[0], stale.outcomes[0]?.cache]).toEqual(['1', CacheStatus.STALE]);
    while (weir.flights.size > 0) await new Promise((resolve) => setImmediate(resolve));
    const fresh = await weir.fetch(['DocChunk/a']);
    expect([fresh.texts[0], fresh.outcomes[0]?.cache]).toEqual(['2', CacheStatus.HIT_MEMORY]);
    expect(server.requests).toHaveLength(2);
  });

  test('never what a provider does not allow; duplicates of one call still go once', async () => {
    await using server = await openProviderServer({ fetch: () => content('x') });
    const none = docs({}, { scope: CacheScope.NONE });
    await using weir = openAnswering([{ manifest: none, urls: [server.url] }]);
    const first = await weir.fetch(['DocChunk/a', 'DocChunk/a']);
    expect(server.requests[0]?.queries).toHaveLength(1);
    await weir.fetch(['DocChunk/a']);
    expect(first.outcomes[0]?.cache).toBe(CacheStatus.BYPASS);
    expect(server.requests).toHaveLength(2);
  });

  test('in Redis serves another router with one look-up; garbage there is a miss', async (context) => {
    const url = process.env.WEIR_TEST_REDIS_URL;
    if (!url) return context.skip('WEIR_TEST_REDIS_URL is not set');
    const log = createLogger({ name: 'test', level: 'silent' });
    const clock = createTestClock();
    await using shared = openRedisCache({ url, clock, log });
    await using server = await openProviderServer({ fetch: ({ key }) => content(key) });
    const manifest = docs({ name: `docs-${randomUUID().slice(0, 8)}` });
    const providers = [{ manifest, urls: [server.url] }];
    await using redis = Object.assign(new Redis(url), {
      [Symbol.asyncDispose]: async () => redis.disconnect(),
    });
    await redis.ping();

    await using first = openAnswering(providers, { clock, shared });
    await first.fetch(['DocChunk/warm-up']);
    await first.fetch(['DocChunk/a', 'DocChunk/b', 'DocChunk/c']);
    const keys = async () =>
      (await redis.keys('weir:1:*')).filter((k) => k.includes(manifest.name));
    while ((await keys()).length < 3) await new Promise((resolve) => setImmediate(resolve));
    const asked = server.requests.length;
    await using looks = await watchLookUps(redis, manifest.name);
    await using second = openAnswering(providers, { clock, shared });
    const warm = await second.fetch(['DocChunk/a', 'DocChunk/b', 'DocChunk/c']);
    expect(warm.texts).toEqual(['"a"', '"b"', '"c"']);
    expect(caches(warm.outcomes)).toEqual(Array(3).fill(CacheStatus.HIT_SHARED));
    expect(await looks.count()).toBe(1);
    expect(server.requests).toHaveLength(asked);

    for (const key of await keys()) await redis.set(key, 'garbage');
    await using third = openAnswering(providers, { clock, shared });
    expect((await third.fetch(['DocChunk/a'])).texts).toEqual(['"a"']);
    expect(server.requests).toHaveLength(asked + 1);
  });
});

test('the shared cache is asked seldom for what is never kept, and again once something is', async () => {
  let ttlMs = 0;
  await using server = await openProviderServer({
    fetch: ({ key }) => content(key, { ttl: durationFromMs(ttlMs) }),
  });
  const asked: string[] = [];
  const shared = {
    getMany: async (keys: readonly string[]) => {
      asked.push(...keys);
      return [];
    },
    set: () => {},
    delete: () => {},
    forget: () => {},
    forgetAll: () => {},
    [Symbol.asyncDispose]: async () => {},
  };
  await using weir = openAnswering([{ manifest: docs(), urls: [server.url] }], { shared });
  const askedFor = async (keys: number) => {
    asked.length = 0;
    for (let key = 0; key < keys; key += 1) {
      expect((await weir.fetch([`DocChunk/${key}`])).texts).toEqual([`"${key}"`]);
    }
    return asked.length;
  };
  expect(await askedFor(32)).toBe(32);
  expect(await askedFor(32)).toBe(2);
  ttlMs = TTL_MS;
  expect((await weir.fetch(['DocChunk/kept'])).texts).toEqual(['"kept"']);
  ttlMs = 0;
  expect(await askedFor(8)).toBe(8);
});

describe('time', () => {
  test('runs out for the late item only; the others are answered', async () => {
    await using server = await openProviderServer({
      fetch: ({ key }, signal) =>
        key === 'slow'
          ? new Promise((resolve) => signal.addEventListener('abort', () => resolve(content(0))))
          : content(key),
    });
    await using weir = openAnswering([{ manifest: docs(), urls: [server.url] }]);
    const itemTimeout = durationFromMs(200);
    const { texts, outcomes } = await weir.fetch(['DocChunk/slow', 'DocChunk/a'], { itemTimeout });
    expect(texts[1]).toBe('"a"');
    expect(outcomes[0]).toMatchObject({ refusal: { reason: Reason.DEADLINE_EXCEEDED } });
    while (server.cancelled() === 0) await new Promise((resolve) => setImmediate(resolve));
  });

  test('a caller who goes cancels the upstream call, unless another waits for it', async () => {
    const asked = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    await using server = await openProviderServer({
      fetch: async ({ key }) => {
        asked.resolve();
        await gate.promise;
        return content(key);
      },
    });
    await using weir = openAnswering([{ manifest: docs(), urls: [server.url] }]);
    const leaving = new AbortController();
    const gone = weir.fetch(['DocChunk/a'], { signal: leaving.signal });
    const staying = weir.fetch(['DocChunk/a']);
    await asked.promise;
    leaving.abort();
    await expect(gone).rejects.toThrow('the caller has gone');
    gate.resolve();
    expect((await staying).texts).toEqual(['"a"']);
    expect(server.requests).toHaveLength(1);
  });
});

describe('a bad provider', () => {
  test('that is down, garbles or fails is refused item by item, beside the good one', async () => {
    await using good = await openProviderServer({ fetch: ({ key }) => content(key) });
    await using bad = await openProviderServer({
      fetch: ({ key }): ReturnType<typeof content> => {
        if (key === 'nothing') return undefined;
        if (key === 'unasked') return { case: 'notModified', value: {} };
        return { case: 'failure', value: { code: 8, text: 'over quota' } };
      },
    });
    const metrics = (name: string, keyPrefix: string) => ({
      name,
      version: '1.0.0',
      contexts: [{ type: 'Metric', version: '1.0.0', keyPrefix }],
    });
    await using weir = openAnswering([
      { manifest: docs(), urls: [good.url] },
      { manifest: metrics('bad', ''), urls: [bad.url] },
      { manifest: metrics('dead', 'dead/'), urls: ['http://127.0.0.1:1'] },
      { manifest: metrics('idle', 'idle/'), urls: [] },
    ]);
    const { texts } = await weir.fetch([
      'DocChunk/a',
      'Metric/nothing',
      'Metric/unasked',
      'Metric/fails',
      'Metric/dead/x',
      'Metric/idle/x',
    ]);
    expect(texts).toEqual([
      '"a"',
      'refused: provider bad sent a result without an outcome',
      'refused: provider bad says not modified of a value that nobody holds',
      'refused: provider bad: over quota',
      'refused: provider dead cannot be reached',
      'refused: provider idle 1.0.0 has no endpoint; start one',
    ]);
  });

  test('that cannot be reached at one endpoint is asked at another', async () => {
    await using server = await openProviderServer({ fetch: ({ key }) => content(key) });
    await using weir = openAnswering([
      { manifest: docs(), urls: ['http://127.0.0.1:1', server.url] },
    ]);
    const keys = Array.from({ length: 10 }, (_, i) => `DocChunk/${i}`);
    for (const [i, key] of keys.entries()) {
      expect((await weir.fetch([key])).texts).toEqual([JSON.stringify(String(i))]);
    }
  });
});
