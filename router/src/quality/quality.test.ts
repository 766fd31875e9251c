import { randomUUID } from 'node:crypto';
import type { JsonObject, MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { createLogger } from '@weir/kit';
import { CacheStatus } from '@weir/sdk/gen/weir/context/v1/context_pb';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { type ContextOfferSchema, SchemaCheck } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { Redis } from 'ioredis';
import { describe, expect, test } from 'vitest';
import { createTestClock, openAnswering } from '../../test/answering.ts';
import { createEntries } from '../../test/entries.ts';
import { content, openProviderServer } from '../../test/provider-server.ts';
import { itemOf } from '../gather/entry.ts';
import { openRedisCache } from '../gather/shared-cache.ts';
import type { Outcome } from '../outcome.ts';
import { presentItem } from '../present.ts';
import { applyEntries } from '../snapshot/snapshot.ts';
import { reportOf } from './report.ts';

/** A first check waits for a thread, which a busy machine may be slow to start. */
const timeoutMs = 30_000;

type Offer = MessageInitShape<typeof ContextOfferSchema>;

const schema: JsonObject = {
  type: 'object',
  properties: { title: { type: 'string' }, price: { type: 'number' } },
  required: ['title'],
};

const completeFields = ['/title', '/price'];

function docs(offer: Offer = {}, name = 'docs') {
  const ttl = durationFromMs(10_000);
  const staleWhileRevalidate = durationFromMs(10_000);
  const context = { type: 'DocChunk', version: '1.0.0', ttl, staleWhileRevalidate, ...offer };
  return { name, version: '1.0.0', contexts: [context] };
}

/** One provider whose value tests set, asked again and again. */
async function openDocs(offer: Offer, options: { schema?: JsonObject } = {}) {
  await using stack = new AsyncDisposableStack();
  const clock = createTestClock();
  let value = content({ title: 'a', price: 1 });
  const server = stack.use(await openProviderServer({ fetch: () => value }));
  const provider = { manifest: docs(offer), urls: [server.url] };
  const answering = stack.use(openAnswering([provider], { clock, schema, ...options }));
  const owned = stack.move();
  return {
    ...{ clock, server, answering },
    set: (next: typeof value) => {
      value = next;
    },
    async fetch(more: Parameters<typeof answering.fetch>[1] = {}) {
      const { outcomes } = await answering.fetch(['DocChunk/a'], { timeoutMs, ...more });
      return outcomes[0] as Outcome;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function found(outcome: Outcome) {
  if (outcome.kind !== 'found') throw new Error(`refused: ${outcome.refusal.text}`);
  const item = itemOf(outcome.entry);
  const value = item.body.case === 'payload' ? Buffer.from(item.body.value).toString() : '';
  return { item, value, quality: outcome.quality, report: reportOf(outcome) };
}

function refusal(outcome: Outcome) {
  if (outcome.kind === 'found') throw new Error('it was found');
  return outcome.refusal;
}

describe('a value of an offer that asks for nothing', () => {
  test('is not read, and is as good as its provider says', async () => {
    await using docs = await openDocs({});
    docs.set({ case: 'content', value: { payload: Buffer.from('{"not json'), quality: 0.5 } });
    const { value, quality, report } = found(await docs.fetch());
    expect([value, quality]).toEqual(['{"not json', 0.5]);
    expect(report).toMatchObject({
      score: 0.5,
      freshness: 1,
      record: 1,
      judgement: 0.5,
      notes: [],
    });
    expect(report.validity).toBeUndefined();
    expect(report.completeness).toBeUndefined();
  });
});

describe('a schema check', () => {
  test('that scores lowers the quality, and tells why', async () => {
    await using docs = await openDocs({ schemaCheck: SchemaCheck.SCORE, completeFields });
    expect(found(await docs.fetch()).quality).toBe(1);
    docs.clock.advance(30_000);
    docs.set(content({ title: 7 }));
    const { report, quality } = found(await docs.fetch());
    expect(quality).toBeCloseTo(0.4, 12);
    expect(report).toMatchObject({ validity: 0.8, completeness: 0.5 });
    expect(report.notes).toEqual(['/title: must be string', 'without /price']);
  });

  test('that requires refuses what breaks the schema, and keeps nothing of it', async () => {
    await using docs = await openDocs({ schemaCheck: SchemaCheck.REQUIRE });
    docs.set(content({ price: 'x' }));
    const { reason, text } = refusal(await docs.fetch());
    expect(reason).toBe(Reason.INVALID_ITEM);
    expect(text).toBe(
      "provider docs sent a value that breaks the schema of DocChunk 1.0.0: the value: must have required property 'title'; /price: must be number; without /title",
    );
    docs.set(content({ title: 'a' }));
    expect((await docs.fetch()).cache).toBe(CacheStatus.MISS);
  });

  test('that requires takes nothing else for JSON', async () => {
    await using docs = await openDocs({ schemaCheck: SchemaCheck.REQUIRE, completeFields });
    docs.set(content({ title: 'a' }, { contentType: 'text/plain' }));
    expect(refusal(await docs.fetch()).text).toMatch(
      /breaks the schema.*: the value is text\/plain, not JSON$/,
    );
    docs.set({ case: 'content', value: { payload: Buffer.from('{"title":') } });
    expect(refusal(await docs.fetch()).text).toMatch(/the value is not JSON/);
    docs.set(content({ title: 'a' }, { contentType: 'application/problem+json; charset=utf-8' }));
    expect(found(await docs.fetch()).report).toMatchObject({ validity: 1, completeness: 0.5 });
  });

  test('a value that could not be checked is worth nothing, and is asked for again soon', async () => {
    const offer = { schemaCheck: SchemaCheck.SCORE };
    await using docs = await openDocs(offer, { schema: { $ref: '#/$defs/none' } });
    docs.set(content({ title: 'a' }, { etag: 'v1' }));
    const { quality, report } = found(await docs.fetch());
    expect([quality, report.validity]).toEqual([0, 0]);
    expect(report.notes[0]).toMatch(/^not checked: the schema cannot be compiled/);
    docs.clock.advance(10_001);
    expect((await docs.fetch()).cache).toBe(CacheStatus.MISS);
    expect(docs.server.requests[1]?.queries[0]?.knownEtag).toBe('');
  });

  test('that does not end costs its own item', async () => {
    const explode = { properties: { title: { pattern: '^(a+)+$' } } };
    await using server = await openProviderServer({
      fetch: ({ key }) => content({ title: key === 'slow' ? `${'a'.repeat(40)}!` : 'a' }),
    });
    const manifest = docs({ schemaCheck: SchemaCheck.REQUIRE });
    await using weir = openAnswering([{ manifest, urls: [server.url] }], { schema: explode });
    await weir.fetch(['DocChunk/first'], { timeoutMs });
    const { outcomes } = await weir.fetch(['DocChunk/slow', 'DocChunk/other'], { timeoutMs });
    expect(refusal(outcomes[0] as Outcome).text).toMatch(/could not be checked.*1000 ms/);
    expect(found(outcomes[1] as Outcome).value).toBe('{"title":"a"}');
  });
});

describe('cleaners', () => {
  const cleaners = [{ kind: { case: 'whitespace' as const, value: {} } }];

  test('are told in the provenance, and make another etag', async () => {
    await using docs = await openDocs({ cleaners });
    docs.set(content({ title: ' a ', n: 9007199254740993n.toString() }, { etag: 'v1' }));
    const { value, item } = found(await docs.fetch());
    expect(value).toBe('{"title":"a","n":"9007199254740993"}');
    expect(item.provenance?.cleaned).toEqual(['whitespace']);
    expect(item.etag).toMatch(/^v1~[0-9a-f]{16}$/);
    // The provider is asked by its own tag.
    docs.clock.advance(30_000);
    docs.set({ case: 'notModified', value: {} });
    const again = await docs.fetch();
    expect(again.cache).toBe(CacheStatus.REVALIDATED);
    expect(docs.server.requests[1]?.queries[0]?.knownEtag).toBe('v1');
    expect(found(again).item.etag).toBe(item.etag);
  });

  test('that have nothing to do leave bytes, etag and provenance alone', async () => {
    await using docs = await openDocs({ cleaners });
    docs.set({
      case: 'content',
      value: { payload: Buffer.from('{ "title" : "a" }'), etag: 'v1' },
    });
    const { value, item } = found(await docs.fetch());
    expect([value, item.etag, item.provenance?.cleaned]).toEqual(['{ "title" : "a" }', 'v1', []]);
  });

  test('come before the check', async () => {
    const nulls = { kind: { case: 'nulls' as const, value: {} }, fields: ['/price'] };
    const offer = { cleaners: [nulls], schemaCheck: SchemaCheck.REQUIRE };
    await using docs = await openDocs(offer, {
      schema: { properties: { price: { type: ['number', 'null'] } } },
    });
    docs.set(content({ price: 'n/a' }));
    expect(found(await docs.fetch()).value).toBe('{"price":null}');
  });
});

test('a value that is no JSON has none of the fields that were expected', async () => {
  await using docs = await openDocs({ completeFields: ['/title'] });
  docs.set({ case: 'content', value: { payload: Buffer.from('{"title":') } });
  const { quality, report } = found(await docs.fetch());
  expect([quality, report.notes]).toEqual([0, ['the value is not JSON']]);
});

describe('min_quality', () => {
  test('refuses what is not good enough, and names the weakest part', async () => {
    await using docs = await openDocs({ completeFields: ['/title', '/price', '/a', '/b'] });
    docs.set(content({ title: 'a', price: 1 }, { quality: 0.9 }));
    expect(found(await docs.fetch({ minQuality: 0.45 })).quality).toBe(0.45);
    const { reason, text } = refusal(await docs.fetch({ minQuality: 0.46 }));
    expect(reason).toBe(Reason.QUALITY_TOO_LOW);
    expect(text).toBe(
      "the item's quality is 0.45, and at least 0.46 was asked for; its weakest part is completeness, 0.5",
    );
  });

  test('has a stale item fetched anew when that makes it good enough', async () => {
    await using docs = await openDocs({});
    await docs.fetch();
    docs.clock.advance(18_000);
    const stale = await docs.fetch({ minQuality: 0.5 });
    expect(stale.cache).toBe(CacheStatus.STALE);
    expect(found(stale).quality).toBeCloseTo(0.6, 2);
    expect(found(stale).report.notes[0]).toMatch(/^freshness: 80\d\d ms past a ttl of 10000 ms$/);
    await using other = await openDocs({});
    await other.fetch();
    other.clock.advance(18_000);
    const fresh = await other.fetch({ minQuality: 0.7 });
    expect([fresh.cache, found(fresh).quality]).toEqual([CacheStatus.MISS, 1]);
  });

  test('counts the record of the provider', async () => {
    await using docs = await openDocs({});
    docs.set({ case: 'failure', value: { code: 13, text: 'broken' } });
    for (let i = 0; i < 10; i++) await docs.fetch();
    docs.set(content({ title: 'a' }));
    const { quality, report } = found(await docs.fetch());
    expect(quality).toBeCloseTo(0.98 ** 10 * 0.98 + 0.02, 2);
    expect(report.notes[0]).toMatch(/^record: 0\.1\d+ of the recent answers failed$/);
  });
});

/** Two routers and a provider of their own, with the Redis that the tests were given between them. */
async function openPair(url: string, offer: Offer, fetch: () => ReturnType<typeof content>) {
  await using stack = new AsyncDisposableStack();
  const clock = createTestClock();
  const log = createLogger({ name: 'test', level: 'silent' });
  const shared = stack.use(openRedisCache({ url, clock, log }));
  const server = stack.use(await openProviderServer({ fetch }));
  const manifest = docs(offer, `docs-${randomUUID().slice(0, 8)}`);
  const providers = [{ manifest, urls: [server.url] }];
  const first = stack.use(openAnswering(providers, { clock, shared, schema }));
  const redis = stack.adopt(new Redis(url), (opened) => opened.disconnect());
  const owned = stack.move();
  return {
    ...{ clock, first, server },
    /** The same, with a memory of its own. */
    openOther: () => openAnswering(providers, { clock, shared, schema }),
    /** Resolves when Redis holds an entry of the provider. */
    async kept(): Promise<void> {
      while (!(await redis.keys('weir:1:*')).some((key) => key.includes(manifest.name))) {
        await first.fetch(['DocChunk/a'], { timeoutMs, maxAge: durationFromMs(0) });
      }
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

const redisUrl = process.env.WEIR_TEST_REDIS_URL;

describe.skipIf(!redisUrl)('an item from Redis (skipped without WEIR_TEST_REDIS_URL)', () => {
  test('is as good as when it was kept', async () => {
    const offer = { schemaCheck: SchemaCheck.SCORE, completeFields };
    await using pair = await openPair(redisUrl ?? '', offer, () =>
      content({ title: 7 }, { quality: 0.5 }),
    );
    await pair.kept();
    await using other = pair.openOther();
    const [given] = (await other.fetch(['DocChunk/a'])).outcomes;
    expect(given?.cache).toBe(CacheStatus.HIT_SHARED);
    expect(found(given as Outcome).report).toMatchObject({
      ...{ validity: 0.8, completeness: 0.5, judgement: 0.5 },
      notes: ['/title: must be string', 'without /price'],
    });
    expect(presentItem(given as Outcome, 0).quality).toBeCloseTo(0.2, 12);
  });

  test('is not served when it is older than max_age', async () => {
    await using pair = await openPair(redisUrl ?? '', {}, () => content('x'));
    await pair.kept();
    pair.clock.advance(2_000);
    const ask = async (maxAgeMs: number) => {
      await using other = pair.openOther();
      const maxAge = durationFromMs(maxAgeMs);
      return (await other.fetch(['DocChunk/a'], { maxAge })).outcomes[0]?.cache;
    };
    expect(await ask(60_000)).toBe(CacheStatus.HIT_SHARED);
    expect(await ask(1_000)).toBe(CacheStatus.MISS);
    expect(await ask(0)).toBe(CacheStatus.MISS);
  });
});

test('max_age counts from when the provider last confirmed the item', async () => {
  await using docs = await openDocs({});
  docs.set(content({ title: 'a' }, { etag: 'v1' }));
  await docs.fetch();
  docs.clock.advance(5_000);
  const maxAge = durationFromMs(1_000);
  docs.set({ case: 'notModified', value: {} });
  expect((await docs.fetch({ maxAge })).cache).toBe(CacheStatus.REVALIDATED);
  expect((await docs.fetch({ maxAge })).cache).toBe(CacheStatus.HIT_MEMORY);
});

test('what was checked against another schema is not served, though its type is called the same', async () => {
  await using docs = await openDocs({ schemaCheck: SchemaCheck.REQUIRE }, { schema });
  expect((await docs.fetch()).kind).toBe('found');
  // The type was taken away, and published anew; the provider registered again as it was.
  const { holder } = docs.answering;
  const other = createEntries().type('DocChunk', '1.0.0', '', { ...schema, required: ['author'] });
  const at = { epoch: 'e', revision: 10n };
  holder.replace(applyEntries(holder.current, [other], at), 0);
  const outcome = await docs.fetch();
  expect(outcome.kind === 'refused' && outcome.refusal.reason).toBe(Reason.INVALID_ITEM);
});
