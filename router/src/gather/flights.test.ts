import { createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { CacheStatus } from '@weir/sdk/gen/weir/context/v1/context_pb';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { describe, expect, test } from 'vitest';
import { createTestClock, openAnswering } from '../../test/answering.ts';
import { testCaller } from '../../test/entries.ts';
import { content, openProviderServer } from '../../test/provider-server.ts';
import { itemOf } from './entry.ts';
import type { SharedCache } from './shared-cache.ts';

const missing = { case: 'notFound' as const, value: {} };

function docs(context: object = {}, more: object = {}) {
  const contexts = [{ type: 'DocChunk', version: '1.0.0', ttl: durationFromMs(1_000), ...context }];
  return { name: 'docs', version: '1.0.0', contexts, ...more };
}

async function landed(weir: { flights: { readonly size: number } }): Promise<void> {
  while (weir.flights.size > 0) await new Promise((resolve) => setImmediate(resolve));
}

/** A provider that refuses each connection, and counts them. */
async function openRefusingServer(waitMs = 0) {
  let refused = 0;
  const server = createServer();
  server.on('stream', (stream) => {
    refused++;
    setTimeout(() => {
      stream.respond(
        { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '14' },
        { endStream: true },
      );
    }, waitMs);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    refused: () => refused,
    async [Symbol.asyncDispose]() {
      server.close();
    },
  };
}

describe('what a provider takes back', () => {
  const swr = { staleWhileRevalidate: durationFromMs(60_000), negativeTtl: durationFromMs(0) };

  test('a key that is gone is not served stale any more', async () => {
    const clock = createTestClock();
    let there = true;
    await using server = await openProviderServer({ fetch: () => (there ? content(1) : missing) });
    await using weir = openAnswering([{ manifest: docs(swr), urls: [server.url] }], { clock });
    await weir.fetch(['DocChunk/a']);
    there = false;
    clock.advance(1_500);
    expect((await weir.fetch(['DocChunk/a'])).texts).toEqual(['1']);
    await landed(weir);
    expect((await weir.fetch(['DocChunk/a'])).texts).toEqual(['refused: DocChunk has no "a"']);
  });

  test('a value that may no longer be kept is not served stale', async () => {
    const clock = createTestClock();
    let value = content(1);
    await using server = await openProviderServer({ fetch: () => value });
    await using weir = openAnswering([{ manifest: docs(swr), urls: [server.url] }], { clock });
    await weir.fetch(['DocChunk/a']);
    value = content(2, { ttl: durationFromMs(0) });
    clock.advance(1_500);
    await weir.fetch(['DocChunk/a']);
    await landed(weir);
    const { texts, outcomes } = await weir.fetch(['DocChunk/a']);
    expect([texts[0], outcomes[0]?.cache]).toEqual(['2', CacheStatus.BYPASS]);
    expect((await weir.fetch(['DocChunk/a'])).outcomes[0]?.cache).toBe(CacheStatus.BYPASS);
  });
});

test('a value for a principal is made anew when what the provider is told of them changes', async () => {
  await using server = await openProviderServer({ fetch: () => content(server.requests.length) });
  const manifest = docs({}, { principalAttributes: ['clearance'] });
  await using weir = openAnswering([{ manifest, urls: [server.url] }]);
  const cleared = testCaller({ attributes: { clearance: 2, mood: 'good' } });
  const lowered = testCaller({ attributes: { clearance: 1 } });
  const same = testCaller({ attributes: { mood: 'bad', clearance: 2 } });
  expect((await weir.fetch(['DocChunk/a'], { caller: cleared })).texts).toEqual(['1']);
  expect((await weir.fetch(['DocChunk/a'], { caller: lowered })).texts).toEqual(['2']);
  expect((await weir.fetch(['DocChunk/a'], { caller: same })).texts).toEqual(['1']);
});

test('not modified with another ttl tells it', async () => {
  const clock = createTestClock();
  await using server = await openProviderServer({
    fetch: ({ knownEtag }) =>
      knownEtag === ''
        ? content(1, { etag: 'v1' })
        : { case: 'notModified', value: { ttl: durationFromMs(9_000) } },
  });
  await using weir = openAnswering([{ manifest: docs(), urls: [server.url] }], { clock });
  await weir.fetch(['DocChunk/a']);
  clock.advance(1_500);
  const [outcome] = (await weir.fetch(['DocChunk/a'])).outcomes;
  if (outcome?.kind !== 'found') throw new Error('it is there');
  expect(itemOf(outcome.entry).ttl?.seconds).toBe(9n);
});

test('an item that is too large with what stands beside its payload is refused alone', async () => {
  const labels = { big: 'x'.repeat(1024 * 1024) };
  await using server = await openProviderServer({
    fetch: () => ({
      case: 'content',
      value: { payload: new Uint8Array(3.5 * 1024 * 1024), labels },
    }),
  });
  await using weir = openAnswering([{ manifest: docs(), urls: [server.url] }]);
  const { outcomes } = await weir.fetch(['DocChunk/a']);
  expect(outcomes[0]?.kind === 'refused' && outcomes[0].refusal.reason).toBe(Reason.ITEM_TOO_LARGE);
});

test('who joined a flight that failed fails with it, and asks again only for more time', async () => {
  await using server = await openRefusingServer(50);
  await using weir = openAnswering([{ manifest: docs(), urls: [server.url] }]);
  const calls = Array.from({ length: 20 }, () => weir.fetch(['DocChunk/a'], { timeoutMs: 2_000 }));
  for (const { texts } of await Promise.all(calls)) {
    expect(texts).toEqual(['refused: provider docs cannot be reached']);
  }
  expect(server.refused()).toBe(1);
});

test('an upstream call ends when all that is open in it has been left', async () => {
  const gate = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  await using server = await openProviderServer({
    fetch: async ({ key }, signal) => {
      asked.resolve();
      if (key === 'a') await gate.promise;
      else await new Promise((resolve) => signal.addEventListener('abort', resolve));
      return content(key);
    },
  });
  await using weir = openAnswering([{ manifest: docs(), urls: [server.url] }]);
  const leaving = new AbortController();
  const gone = weir.fetch(['DocChunk/a', 'DocChunk/slow'], { signal: leaving.signal });
  const staying = weir.fetch(['DocChunk/a']);
  await asked.promise;
  leaving.abort();
  await expect(gone).rejects.toThrow('the caller has gone');
  gate.resolve();
  expect((await staying).texts).toEqual(['"a"']);
  const end = performance.now() + 1_000;
  while (server.cancelled() === 0 && performance.now() < end) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(server.cancelled()).toBe(1);
});

test('a second endpoint gets the time that is left, not the whole of it', async () => {
  await using slow = await openRefusingServer(400);
  const timeouts: string[] = [];
  const second = createServer();
  second.on('stream', (stream, headers) => {
    timeouts.push(String(headers['grpc-timeout']));
    stream.respond(
      { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '13' },
      { endStream: true },
    );
  });
  await new Promise<void>((resolve) => second.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(second.address() as AddressInfo).port}`;
  await using weir = openAnswering([{ manifest: docs(), urls: [slow.url, url] }]);
  await weir.fetch(['DocChunk/a'], { timeoutMs: 1_000 });
  second.close();
  expect(timeouts).toHaveLength(1);
  expect(Number.parseInt(timeouts[0] ?? '', 10)).toBeLessThanOrEqual(600);
});

test('a shared cache that does not answer costs items, not the call', async () => {
  await using server = await openProviderServer({ fetch: ({ key }) => content(key) });
  const shared: SharedCache = {
    getMany: () => new Promise(() => {}),
    set() {},
    delete() {},
    forget() {},
    forgetAll() {},
    async [Symbol.asyncDispose]() {},
  };
  await using weir = openAnswering([{ manifest: docs(), urls: [server.url] }], { shared });
  const itemTimeout = durationFromMs(50);
  const { outcomes } = await weir.fetch(['DocChunk/a'], { itemTimeout });
  expect(outcomes).toMatchObject([{ refusal: { reason: Reason.DEADLINE_EXCEEDED } }]);
});

test('a provider that breaks off before it answers is asked at another endpoint', async () => {
  const broken = createServer();
  broken.on('stream', (stream) => stream.session?.destroy());
  await new Promise<void>((resolve) => broken.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(broken.address() as AddressInfo).port}`;
  await using server = await openProviderServer({ fetch: ({ key }) => content(key) });
  await using weir = openAnswering([{ manifest: docs(), urls: [url, server.url] }]);
  for (const key of ['a', 'b', 'c']) {
    expect((await weir.fetch([`DocChunk/${key}`])).texts).toEqual([JSON.stringify(key)]);
  }
  broken.close();
});
