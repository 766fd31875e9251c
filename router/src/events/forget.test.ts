import { create } from '@bufbuild/protobuf';
import { CacheStatus } from '@weir/sdk/gen/weir/context/v1/context_pb';
import { type StoredEvent, StoredEventSchema } from '@weir/sdk/gen/weir/events/v1/log_pb';
import { expect, test } from 'vitest';
import { openAnswering } from '../../test/answering.ts';
import { content, openProviderServer } from '../../test/provider-server.ts';
import type { CacheEntry } from '../gather/entry.ts';
import type { SharedCache } from '../gather/shared-cache.ts';

const manifest = (name = 'docs') => ({
  ...{ name, version: '1.0.0' },
  contexts: [{ type: 'DocChunk', version: '1.0.0', ttl: { seconds: 600n, nanos: 0 } }],
});

function changed(...keys: string[]): StoredEvent {
  const refs = keys.map((key) => ({ type: 'DocChunk', key }));
  return create(StoredEventSchema, { position: 1n, event: { topic: 'doc.updated', refs } });
}

const place = (tenant = 'acme') => ({ tenant, epoch: 'e', position: 1n });

test('what an event tells of is fetched anew, and nothing else is', async () => {
  let value = 1;
  await using server = await openProviderServer({ fetch: () => content(value) });
  await using weir = openAnswering([{ manifest: manifest(), urls: [server.url] }]);
  const refs = ['DocChunk/a', 'DocChunk/b'];
  expect((await weir.fetch(refs)).texts).toEqual(['1', '1']);
  value = 2;
  weir.forgetting.event(changed('b', 'never-asked-for'), place());
  const { texts, outcomes } = await weir.fetch(refs);
  expect(texts).toEqual(['1', '2']);
  expect(outcomes.map(({ cache }) => cache)).toEqual([CacheStatus.HIT_MEMORY, CacheStatus.MISS]);
});

test('another tenant’s event takes nothing away', async () => {
  await using server = await openProviderServer({ fetch: () => content(1) });
  await using weir = openAnswering([{ manifest: manifest(), urls: [server.url] }]);
  await weir.fetch(['DocChunk/a']);
  weir.forgetting.event(changed('a'), place('other'));
  expect((await weir.fetch(['DocChunk/a'])).outcomes[0]?.cache).toBe(CacheStatus.HIT_MEMORY);
});

test('what was on its way is neither kept nor joined', async () => {
  const answers: ((value: number) => void)[] = [];
  await using server = await openProviderServer({
    fetch: async () => {
      const { promise, resolve } = Promise.withResolvers<number>();
      answers.push(resolve);
      return content(await promise);
    },
  });
  await using weir = openAnswering([{ manifest: manifest(), urls: [server.url] }]);
  const asked = async (count: number) => {
    while (answers.length < count) await new Promise((resolve) => setImmediate(resolve));
  };
  const before = weir.fetch(['DocChunk/a']);
  await asked(1);
  weir.forgetting.event(changed('a'), place());
  const after = weir.fetch(['DocChunk/a']);
  await asked(2);
  answers[1]?.(2);
  expect((await after).texts).toEqual(['2']);
  // The older answer comes last.
  answers[0]?.(1);
  expect((await before).texts).toEqual(['1']);
  const now = await weir.fetch(['DocChunk/a']);
  expect([now.texts, now.outcomes[0]?.cache]).toEqual([['2'], CacheStatus.HIT_MEMORY]);
});

test('what the shared cache was asked for before is neither kept nor served', async () => {
  let value = 1;
  await using server = await openProviderServer({ fetch: () => content(value) });
  const providers = [{ manifest: manifest(), urls: [server.url] }];
  await using other = openAnswering(providers);
  const [old] = (await other.fetch(['DocChunk/a'])).outcomes;
  value = 2;
  const looks: PromiseWithResolvers<(CacheEntry | undefined)[]>[] = [];
  const forgotten: string[] = [];
  const shared: SharedCache = {
    getMany() {
      const look = Promise.withResolvers<(CacheEntry | undefined)[]>();
      looks.push(look);
      return look.promise;
    },
    set() {},
    delete() {},
    forget: (key) => void forgotten.push(key),
    forgetAll() {},
    async [Symbol.asyncDispose]() {},
  };
  await using weir = openAnswering(providers, { shared });
  const asked = weir.fetch(['DocChunk/a']);
  while (looks.length < 1) await new Promise((resolve) => setImmediate(resolve));
  weir.forgetting.event(changed('a'), place());
  expect(forgotten.length).toBe(1);
  looks[0]?.resolve([old?.kind === 'found' ? old.entry : undefined]);
  expect((await asked).texts).toEqual(['2']);
  expect((await weir.fetch(['DocChunk/a'])).texts).toEqual(['2']);
});

test('where a log is begun anew, nothing is kept of what was held', async () => {
  let value = 1;
  await using server = await openProviderServer({ fetch: () => content(value) });
  await using weir = openAnswering([{ manifest: manifest(), urls: [server.url] }]);
  weir.forgetting.begun(place());
  await weir.fetch(['DocChunk/a', 'DocChunk/b']);
  value = 2;
  weir.forgetting.begun(place('other'));
  expect((await weir.fetch(['DocChunk/a', 'DocChunk/b'])).texts).toEqual(['1', '1']);
  weir.forgetting.begun({ ...place(), epoch: 'f' });
  expect((await weir.fetch(['DocChunk/a', 'DocChunk/b'])).texts).toEqual(['2', '2']);
  expect(weir.memory.size).toBe(2);
});
