import { create } from '@bufbuild/protobuf';
import { CacheStatus } from '@weir/sdk/gen/weir/context/v1/context_pb';
import { type StoredEvent, StoredEventSchema } from '@weir/sdk/gen/weir/events/v1/log_pb';
import { expect, test } from 'vitest';
import { openAnswering } from '../../test/answering.ts';
import { content, openProviderServer } from '../../test/provider-server.ts';

const manifest = (name = 'docs') => ({
  ...{ name, version: '1.0.0' },
  contexts: [{ type: 'DocChunk', version: '1.0.0', ttl: { seconds: 600n, nanos: 0 } }],
});

function changed(...keys: string[]): StoredEvent {
  const refs = keys.map((key) => ({ type: 'DocChunk', key }));
  return create(StoredEventSchema, { position: 1n, event: { topic: 'doc.updated', refs } });
}

test('what an event tells of is fetched anew, and nothing else is', async () => {
  let value = 1;
  await using server = await openProviderServer({ fetch: () => content(value) });
  await using weir = openAnswering([{ manifest: manifest(), urls: [server.url] }]);
  const refs = ['DocChunk/a', 'DocChunk/b'];
  expect((await weir.fetch(refs)).texts).toEqual(['1', '1']);
  value = 2;
  weir.forget('acme', changed('b', 'never-asked-for'));
  const { texts, outcomes } = await weir.fetch(refs);
  expect(texts).toEqual(['1', '2']);
  expect(outcomes.map(({ cache }) => cache)).toEqual([CacheStatus.HIT_MEMORY, CacheStatus.MISS]);
});

test('another tenant’s event takes nothing away', async () => {
  await using server = await openProviderServer({ fetch: () => content(1) });
  await using weir = openAnswering([{ manifest: manifest(), urls: [server.url] }]);
  await weir.fetch(['DocChunk/a']);
  weir.forget('other', changed('a'));
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
  weir.forget('acme', changed('a'));
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
