import { Code } from '@connectrpc/connect';
import { expect, test } from 'vitest';
import { Reason } from '../src/index.ts';
import { defineContext, defineProvider, ProviderError } from '../src/provider.ts';
import { openTestWeir } from '../src/testing.ts';

function contextOf(version: string, more: { keyPrefix?: string; quality?: number } = {}) {
  return defineContext({
    type: 'Note',
    version,
    keyPrefix: more.keyPrefix,
    ttlMs: 1_000,
    sensitivity: 'confidential',
    fetch: ({ key, caller }) => {
      if (key === 'fail') throw new ProviderError(Code.Unavailable, 'down', { retryDelayMs: 5 });
      if (key === 'stuck') return new Promise<never>(() => {});
      if (key === 'none') return undefined;
      return {
        value: `${key} ${version} ${more.keyPrefix ?? ''} ${caller.tenant}`,
        ...(more.quality !== undefined && { quality: more.quality }),
      };
    },
    list: ({ keyPrefix, text }) => ({
      entries: [{ key: `${keyPrefix}z`, score: text === '' ? 0 : 0.5 }, { key: `${keyPrefix}a` }],
    }),
  });
}

const notes = defineProvider({
  name: 'notes',
  version: '1.0.0',
  contexts: [contextOf('1.0.0'), contextOf('1.2.0'), contextOf('2.0.0')],
});
const faqs = defineProvider({
  name: 'faqs',
  version: '3.0.0',
  contexts: [contextOf('1.1.0', { keyPrefix: 'faq/', quality: 0.5 })],
});

const weir = openTestWeir({ providers: [notes, faqs], onFault: () => {} });

async function valuesOf(...refs: string[]): Promise<unknown[]> {
  const outcomes = await weir.fetch(refs);
  return outcomes.map((each) => (each.ok ? each.item.value : each.refusal.reason));
}

test('refs are routed by version, the newest first, and by the longest prefix', async () => {
  const values = await valuesOf(
    'Note/a',
    'Note@^1/a',
    'Note@~1.0/a',
    'Note@1.2.0/a',
    'Note@3/a',
    'Note@latest/a',
    'Note/faq/1',
    'Other/a',
  );
  expect(values).toEqual([
    'a 2.0.0  test',
    'a 1.2.0  test',
    'a 1.0.0  test',
    'a 1.2.0  test',
    Reason.VERSION_NOT_OFFERED,
    Reason.INVALID_VERSION,
    'faq/1 1.1.0 faq/ test',
    Reason.TYPE_UNKNOWN,
  ]);
  const [refused] = await weir.fetch(['Note@3/a']);
  expect(refused).toMatchObject({
    refusal: { offeredVersions: ['2.0.0', '1.2.0', '1.0.0'] },
  });
});

test('items say where they come from', async () => {
  expect(await weir.get('Note', 'faq/1', { provider: 'faqs' })).toMatchObject({
    version: '1.1.0',
    ttlMs: 1_000,
    sensitivity: 'confidential',
    provenance: { provider: 'faqs', providerVersion: '3.0.0' },
  });
  await expect(weir.get('Note', 'a', { provider: 'faqs' })).rejects.toMatchObject({
    refusal: { reason: Reason.PROVIDER_UNKNOWN },
  });
});

test('items that cannot be had are refused beside those that can', async () => {
  const refs = ['Note/fail', 'Note/none', 'Note/stuck', 'Note/a', 'Note/faq/1'];
  const outcomes = await weir.fetch(refs, { itemTimeoutMs: 50 });
  expect(outcomes.map((each) => each.ok || each.refusal.reason)).toEqual([
    Reason.PROVIDER_FAILED,
    Reason.KEY_NOT_FOUND,
    Reason.DEADLINE_EXCEEDED,
    true,
    true,
  ]);
  expect(outcomes[0]).toMatchObject({
    refusal: { code: Code.Unavailable, text: 'down', retryDelayMs: 5 },
  });
  const good = await weir.fetch(['Note/a', 'Note/faq/1'], { minQuality: 0.6 });
  expect(good.map((each) => each.ok || each.refusal.reason)).toEqual([
    true,
    Reason.QUALITY_TOO_LOW,
  ]);
});

test('streams, lists and explanations are answered too', async () => {
  const seen = new Set<string>();
  for await (const { ref } of weir.stream(['Note/a', 'Note/faq/1', 'Note/none'])) seen.add(ref.key);
  expect([...seen].sort()).toEqual(['a', 'faq/1', 'none']);

  const keys: string[] = [];
  const options = { provider: 'faqs', keyPrefix: 'faq/', pageSize: 1 };
  for await (const { ref } of weir.list(options)) keys.push(`${ref?.provider} ${ref?.key}`);
  expect(keys).toEqual(['faqs faq/a', 'faqs faq/z']);
  const best = await weir.listPage({ provider: 'faqs', query: 'words' });
  expect(best.entries.map(({ ref }) => ref?.key)).toEqual(['z', 'a']);

  const { explanations } = await weir.explain(['Note@^1/a']);
  expect(explanations[0]).toMatchObject({ typeVersion: '1.2.0', result: { index: 0 } });
});

test('providers are told the caller of the test', async () => {
  const other = openTestWeir({ providers: [notes], caller: { tenant: 'acme' } });
  expect((await other.get('Note', 'a')).value).toBe('a 2.0.0  acme');
});

test('there is no registry in a test', async () => {
  await expect(weir.registry.getProvider({ name: 'a' })).rejects.toMatchObject({
    code: Code.Unimplemented,
  });
});

test('what came after an old cursor is not kept for ever', async () => {
  const own = openTestWeir({ providers: [] });
  const batch = Array.from({ length: 256 }, () => ({ topic: 'tick' }));
  await own.publish(batch);
  const cursors: string[] = [];
  const asked = { from: 'earliest', onCursor: (cursor: string) => cursors.push(cursor) } as const;
  for await (const event of own.subscribe('tick', asked)) if (event.position === 200n) break;
  for (let published = 256; published < 10_256; published += 256) await own.publish(batch);
  const next = (cursor?: string) =>
    own.subscribe('tick', { cursor, from: 'earliest' })[Symbol.asyncIterator]().next();
  await expect(next(cursors[0])).rejects.toMatchObject({
    ...{ code: Code.OutOfRange, reason: Reason.CURSOR_TOO_OLD },
  });
  // 41 requests of 256 are 10,496 events; what is left begins after the first 496.
  expect((await next()).value?.position).toBe(497n);
});

test('a cursor is of one test Weir alone, and workers have no groups in it', async () => {
  const [own, other] = [openTestWeir({ providers: [] }), openTestWeir({ providers: [] })];
  await own.publish('tick');
  let cursor = '';
  for await (const event of own.subscribe('*', {
    from: 'earliest',
    onCursor: (at) => (cursor = at),
  })) {
    await own.publish('tick');
    if (event.position === 2n) break;
  }
  expect(cursor).not.toBe('');
  await expect(
    other.subscribe('*', { cursor })[Symbol.asyncIterator]().next(),
  ).rejects.toMatchObject({ reason: Reason.INVALID_CURSOR });
  await expect(own.work('g', '*', () => {})).rejects.toMatchObject({ code: Code.Unimplemented });
});

test('events come no faster than was asked for', async () => {
  const own = openTestWeir({ providers: [] });
  await own.publish(Array.from({ length: 6 }, () => ({ topic: 'tick' })));
  const began = performance.now();
  let seen = 0;
  for await (const _ of own.subscribe('*', { from: 'earliest', maxPerSecond: 20 })) {
    seen += 1;
    if (seen === 6) await own.publish('tick');
    if (seen === 7) break;
  }
  expect(performance.now() - began).toBeGreaterThan(250);
});
