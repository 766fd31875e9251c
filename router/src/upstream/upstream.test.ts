import { setTimeout as sleep } from 'node:timers/promises';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { expect, test } from 'vitest';
import { createTestClock, openAnswering } from '../../test/answering.ts';
import { content, openProviderServer, type ProviderServer } from '../../test/provider-server.ts';
import { EXTRA_MIN } from './retry-budget.ts';

function docs(more: object = {}) {
  const contexts = [{ type: 'DocChunk', version: '1.0.0' }];
  return { name: 'docs', version: '1.0.0', contexts, ...more };
}

/** A provider whose calls wait until they are cancelled. */
function openSilent(): Promise<ProviderServer> {
  return openProviderServer({
    fetch: (_, signal) =>
      new Promise((resolve) => signal.addEventListener('abort', () => resolve(undefined))),
  });
}

const hedged = docs({ hedgeAfter: durationFromMs(20), timeout: durationFromMs(60_000) });

test('a call that brings nothing is made at another endpoint too, and the loser cancelled', async () => {
  await using slow = await openSilent();
  await using quick = await openProviderServer({ fetch: ({ key }) => content(key) });
  await using weir = openAnswering([{ manifest: hedged, urls: [slow.url, quick.url] }]);
  expect((await weir.fetch(['DocChunk/a', 'DocChunk/b'])).texts).toEqual(['"a"', '"b"']);
  expect([slow.requests.length, quick.requests.length]).toEqual([1, 1]);
  while (slow.cancelled() === 0) await sleep(1);
});

test('nor is it made again at the same endpoint, nor without the manifest saying so', async () => {
  await using slow = await openSilent();
  await using other = await openSilent();
  await using alone = openAnswering([{ manifest: hedged, urls: [slow.url] }]);
  await alone.fetch(['DocChunk/a'], { timeoutMs: 200 });
  expect(slow.requests).toHaveLength(1);
  await using plain = openAnswering([{ manifest: docs(), urls: [slow.url, other.url] }]);
  await plain.fetch(['DocChunk/a'], { timeoutMs: 200 });
  expect(slow.requests.length + other.requests.length).toBe(2);
});

test('an endpoint that loses three hedges in a row is left alone', async () => {
  await using slow = await openSilent();
  await using quick = await openProviderServer({ fetch: ({ key }) => content(key) });
  // Long enough that a busy machine does not make the quick one look slow.
  const manifest = { ...hedged, hedgeAfter: durationFromMs(400) };
  await using weir = openAnswering([{ manifest, urls: [slow.url, quick.url] }]);
  await weir.fetch(['DocChunk/warm']);
  for (let i = 0; i < 6; i++) await weir.fetch([`DocChunk/${i}`]);
  expect(slow.requests).toHaveLength(3);
});

test('hedges stay within the budget', async () => {
  await using first = await openSilent();
  await using second = await openSilent();
  const manifest = { ...hedged, timeout: durationFromMs(1_000) };
  await using weir = openAnswering([{ manifest, urls: [first.url, second.url] }]);
  await Promise.all(
    Array.from({ length: 10 }, (_, i) => weir.fetch([`DocChunk/${i}`], { timeoutMs: 5_000 })),
  );
  expect(first.requests.length + second.requests.length).toBe(10 + EXTRA_MIN);
});

test('a hedge needs room at the provider, as every call does', async () => {
  await using first = await openSilent();
  await using second = await openSilent();
  const manifest = { ...hedged, limits: { concurrentCalls: 1 } };
  await using weir = openAnswering([{ manifest, urls: [first.url, second.url] }]);
  await weir.fetch(['DocChunk/a'], { timeoutMs: 200 });
  expect(first.requests.length + second.requests.length).toBe(1);
});

test('values beyond the limit of an answer are refused, and those before are there', async () => {
  const value = 'x'.repeat(1000);
  const gate = Promise.withResolvers<void>();
  await using server = await openProviderServer({
    async fetch({ key }) {
      if (key !== 'first') await gate.promise;
      return content(value);
    },
  });
  const manifest = docs({ limits: { responseBytes: 4096n } });
  await using weir = openAnswering([{ manifest, urls: [server.url] }]);
  const keys = ['first', 'b', 'c', 'd', 'e', 'f'];
  setTimeout(gate.resolve, 50);
  const { outcomes } = await weir.fetch(keys.map((key) => `DocChunk/${key}`));
  const refusals = outcomes.flatMap((one) => (one.kind === 'refused' ? [one.refusal] : []));
  expect(outcomes[0]?.kind).toBe('found');
  expect(refusals).toHaveLength(2);
  expect(refusals[0]?.reason).toBe(Reason.ITEM_TOO_LARGE);
  expect(refusals[0]?.text).toContain('more than 4096 bytes, its limit; ask for fewer items');
  expect((await weir.fetch(['DocChunk/first'])).outcomes[0]?.kind).toBe('found');
});

test('a breaker outlives the endpoint, and closes when a trial is answered', async () => {
  const clock = createTestClock();
  let well = false;
  await using server = await openProviderServer({
    fetch({ key }) {
      if (!well) throw new Error('not well');
      return content(key);
    },
  });
  await using weir = openAnswering([{ manifest: docs(), urls: [server.url] }], { clock });
  for (let i = 0; i < 7; i++) await weir.fetch([`DocChunk/${i}`]);
  expect(server.requests).toHaveLength(5);
  well = true;
  clock.advance(1_001);
  const { texts } = await weir.fetch(['DocChunk/a']);
  expect(texts).toEqual(['"a"']);
  expect((await weir.fetch(['DocChunk/b'])).texts).toEqual(['"b"']);
});
