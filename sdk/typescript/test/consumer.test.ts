import { createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { create } from '@bufbuild/protobuf';
import { durationFromMs, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, type HandlerContext, type ServiceImpl } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { afterEach, expect, test } from 'vitest';
import {
  BadRequestSchema,
  ErrorInfoSchema,
  RetryInfoSchema,
} from '../src/gen/google/rpc/error_details_pb.ts';
import { CacheStatus, ItemResultSchema } from '../src/gen/weir/context/v1/context_pb.ts';
import { RegistryService } from '../src/gen/weir/registry/v1/registry_pb.ts';
import { type FetchContextRequest, RouterService } from '../src/gen/weir/router/v1/router_pb.ts';
import {
  createWeir,
  ItemRefused,
  Reason,
  type Weir,
  WeirCallError,
  type WeirOptions,
} from '../src/index.ts';

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A router on a real socket with the methods of a test, and a client of it. */
async function openWeir(
  methods: Partial<ServiceImpl<typeof RouterService>>,
  options: Partial<WeirOptions> = {},
): Promise<Weir> {
  const sessions = new Set<{ destroy(): void }>();
  const server = createServer(
    connectNodeAdapter({
      routes: (router) =>
        router.service(RouterService, methods).service(RegistryService, {
          registerProvider: () => {
            registerCalls += 1;
            throw new ConnectError('busy', Code.Unavailable);
          },
        }),
    }),
  ).on('session', (session) => sessions.add(session));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const weir = createWeir({ url: `http://127.0.0.1:${port}`, key: 'weir_a_b', ...options });
  cleanups.push(() => {
    weir.close();
    for (const session of sessions) session.destroy();
    server.close();
  });
  return weir;
}

let registerCalls = 0;

/** An item whose value is the key. */
function itemFor(request: FetchContextRequest, index: number) {
  const payload = new TextEncoder().encode(JSON.stringify(request.refs[index]?.key));
  return create(ItemResultSchema, {
    index,
    outcome: {
      case: 'item',
      value: { body: { case: 'payload', value: payload }, contentType: 'application/json' },
    },
  });
}

function refusalFor(index: number, reason: Reason, code: Code) {
  const value = { reason, code, text: 'no', retryDelay: durationFromMs(20) };
  return create(ItemResultSchema, { index, outcome: { case: 'refusal', value } });
}

const echo = (request: FetchContextRequest) => ({
  results: request.refs.map((_, index) => itemFor(request, index)),
});

test.each(['grpc', 'grpc-web', 'connect'] as const)('fetches over %s', async (protocol) => {
  const seen: HandlerContext[] = [];
  const weir = await openWeir(
    {
      fetchContext: (request, context) => {
        seen.push(context);
        return echo(request);
      },
    },
    { protocol },
  );
  const outcomes = await weir.fetch(['DocChunk/a', { type: 'DocChunk', key: 'b' }]);
  expect(outcomes.map((each) => each.ok && each.item.value)).toEqual(['a', 'b']);
  expect(seen[0]?.protocolName).toBe(protocol);
  expect(seen[0]?.requestHeader.get('authorization')).toBe('Bearer weir_a_b');
});

test('an item arrives with all that is said of it', async () => {
  const asOf = new Date('2026-01-02T03:04:05.006Z');
  const weir = await openWeir({
    fetchContext: () => ({
      results: [
        {
          index: 0,
          cache: CacheStatus.HIT_MEMORY,
          age: durationFromMs(1_500),
          quality: 0.125,
          outcome: {
            case: 'item',
            value: {
              body: { case: 'payload', value: new TextEncoder().encode('hello') },
              contentType: 'text/plain; charset=utf-8',
              version: '1.2.0',
              etag: 'e',
              asOf: timestampFromDate(asOf),
              ttl: durationFromMs(60_000),
              sensitivity: 4,
              quality: 0.25,
              provenance: { provider: 'docs', providerVersion: '1.0.0', source: 'a.md' },
              labels: { a: 'b' },
              owner: 'ann',
            },
          },
        },
      ],
    }),
  });
  const ref = { type: 'DocChunk', key: 'a' };
  expect(await weir.fetch([ref])).toEqual([
    {
      ref,
      index: 0,
      ok: true,
      cache: 'hit-memory',
      ageMs: 1_500,
      item: {
        value: 'hello',
        bytes: new TextEncoder().encode('hello'),
        contentType: 'text/plain; charset=utf-8',
        version: '1.2.0',
        etag: 'e',
        asOf,
        ttlMs: 60_000,
        sensitivity: 'restricted',
        quality: 0.125,
        judgement: 0.25,
        provenance: { provider: 'docs', providerVersion: '1.0.0', source: 'a.md', cleaned: [] },
        labels: { a: 'b' },
        owner: 'ann',
        redacted: false,
      },
    },
  ]);
});

test('refusals, garbage and missing results stand beside the items that worked', async () => {
  const weir = await openWeir({
    fetchContext: (request) => ({
      results: [
        itemFor(request, 0),
        refusalFor(1, Reason.KEY_NOT_FOUND, Code.NotFound),
        {
          index: 2,
          outcome: {
            case: 'item',
            value: { body: { case: 'payload', value: new Uint8Array([0xff]) } },
          },
        },
      ],
    }),
  });
  const outcomes = await weir.fetch(['A/a', 'A/b', 'A/c', 'A/d']);
  expect(outcomes.map((each) => (each.ok ? 'item' : each.refusal.reason))).toEqual([
    'item',
    Reason.KEY_NOT_FOUND,
    Reason.PROVIDER_GARBAGE,
    Reason.INTERNAL,
  ]);
});

test('gets of one tick share a call, and each has its own outcome', async () => {
  const calls: string[][] = [];
  const weir = await openWeir({
    fetchContext: (request) => {
      calls.push(request.refs.map(({ key }) => key));
      return {
        results: request.refs.map((ref, index) =>
          ref.key === 'bad' ? refusalFor(index, Reason.KEY_NOT_FOUND, 5) : itemFor(request, index),
        ),
      };
    },
  });
  const afterSomePromises = async () => {
    await Promise.resolve().then(() => {});
    return weir.get('A', 'late');
  };
  const got = await Promise.allSettled([
    weir.get('A', 'a'),
    weir.get('A', 'bad'),
    afterSomePromises(),
  ]);
  expect(calls).toEqual([['a', 'bad', 'late']]);
  expect(got.map((each) => each.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  const reason = got[1]?.status === 'rejected' && got[1].reason;
  expect(reason).toBeInstanceOf(ItemRefused);
  expect(reason).toMatchObject({
    message: 'A/bad: KEY_NOT_FOUND: no',
    ref: { type: 'A', key: 'bad' },
    refusal: { code: Code.NotFound, reason: Reason.KEY_NOT_FOUND, retryDelayMs: 20 },
  });
});

test('gets are cut into calls of 256, and kept apart where the whole call differs', async () => {
  const calls: [number, number][] = [];
  const weir = await openWeir({
    fetchContext: (request) => {
      calls.push([request.refs.length, request.minQuality]);
      return echo(request);
    },
  });
  const many = Array.from({ length: 300 }, (_, index) => weir.get('A', `${index}`));
  const [items] = await Promise.all([
    Promise.all(many),
    weir.get('A', 'fine', { minQuality: 0.5 }),
  ]);
  expect(items.map((each) => each.value)).toEqual(items.map((_, index) => `${index}`));
  expect(calls.sort()).toEqual([
    [1, 0.5],
    [256, 0],
    [44, 0],
  ]);
});

test('one get that is cancelled or late leaves the others of its call alone', async () => {
  const answer = Promise.withResolvers<void>();
  const weir = await openWeir({
    fetchContext: async (request) => {
      await answer.promise;
      return echo(request);
    },
  });
  const cancel = new AbortController();
  const stays = weir.get('A', 'stays');
  const cancelled = weir.get('A', 'cancelled', { signal: cancel.signal });
  const late = expect(weir.get('A', 'late', { timeoutMs: 30 })).rejects.toMatchObject({
    code: Code.DeadlineExceeded,
    reason: Reason.DEADLINE_EXCEEDED,
  });
  setImmediate(() => setImmediate(() => cancel.abort(new Error('changed my mind'))));
  await expect(cancelled).rejects.toMatchObject({
    code: Code.Canceled,
    reason: Reason.CANCELLED,
    cause: new Error('changed my mind'),
  });
  await late;
  answer.resolve();
  expect(await stays).toMatchObject({ value: 'stays' });
});

test('a call that one get gave up and another had no more time for is cancelled too', async () => {
  const begun = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  const weir = await openWeir({
    fetchContext: (_, { signal }) => {
      signal.addEventListener('abort', () => ended.resolve());
      begun.resolve();
      return new Promise(() => {});
    },
  });
  const cancel = new AbortController();
  const gets = [
    weir.get('A', 'late', { timeoutMs: 300 }),
    weir.get('A', 'given-up', { timeoutMs: 60_000, signal: cancel.signal }),
  ];
  const settled = Promise.allSettled(gets);
  await begun.promise;
  cancel.abort();
  await settled;
  await ended.promise;
}, 5_000);

test('a call that nobody waits for any more is cancelled in the router', async () => {
  const began = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  const weir = await openWeir({
    fetchContext: (_, { signal }) => {
      signal.addEventListener('abort', () => ended.resolve());
      began.resolve();
      return new Promise<never>(() => {});
    },
  });
  const cancel = new AbortController();
  const gets = ['a', 'b'].map((key) => weir.get('A', key, { signal: cancel.signal }));
  await began.promise;
  cancel.abort();
  await Promise.allSettled(gets);
  await ended.promise;
});

test('more than 256 refs are fetched in several calls, in order', async () => {
  const sizes: number[] = [];
  const weir = await openWeir({
    fetchContext: (request) => {
      sizes.push(request.refs.length);
      return echo(request);
    },
  });
  const keys = Array.from({ length: 600 }, (_, index) => `${index}`);
  const outcomes = await weir.fetch(keys.map((key) => `A/${key}`));
  expect(outcomes.map((each) => each.ok && each.item.value)).toEqual(keys);
  expect(outcomes.map((each) => each.index)).toEqual(keys.map(Number));
  expect(sizes.sort((a, b) => a - b)).toEqual([88, 256, 256]);
  expect(await weir.fetch([])).toEqual([]);
});

test('items over the response budget are asked for again in batches that fit', async () => {
  const calls: string[] = [];
  const weir = await openWeir({
    fetchContext: (request) => {
      calls.push(request.refs.map(({ key }) => key).join(''));
      let left = 3;
      return {
        results: request.refs.map(({ key }, index) => {
          const fits = key !== 'x' && left-- > 0;
          return fits ? itemFor(request, index) : refusalFor(index, Reason.RESPONSE_BUDGET, 8);
        }),
      };
    },
  });
  const keys = ['a', 'b', 'c', 'd', 'e', 'f', 'x', 'g'];
  const outcomes = await weir.fetch(keys.map((key) => `A/${key}`));
  expect(outcomes.map((each) => (each.ok ? each.item.value : '-')).join('')).toBe('abcdef-g');
  expect(calls).toEqual(['abcdefxg', 'def', 'xg', 'x']);
});

test('what came before a later call failed is kept', async () => {
  let calls = 0;
  const weir = await openWeir({
    fetchContext: (request) => {
      calls += 1;
      if (calls > 1) throw new ConnectError('gone', Code.Internal);
      return { results: [itemFor(request, 0), refusalFor(1, Reason.RESPONSE_BUDGET, 8)] };
    },
  });
  const outcomes = await weir.fetch(['A/a', 'A/b']);
  expect(outcomes.map((each) => each.ok)).toEqual([true, false]);
});

test('how to fetch is told to the router', async () => {
  const seen: FetchContextRequest[] = [];
  const timeouts: (number | undefined)[] = [];
  const weir = await openWeir(
    {
      fetchContext: (request, { timeoutMs }) => {
        seen.push(request);
        timeouts.push(timeoutMs());
        return echo(request);
      },
    },
    { minQuality: 0.5, timeoutMs: 5_000 },
  );
  await weir.fetch([{ type: 'A', key: 'a', versionRange: '^1', provider: 'p' }], {
    itemTimeoutMs: 250,
    maxAgeMs: 1_000,
    consistencyToken: 't',
  });
  await weir.get('A', 'a', { minQuality: 0, timeoutMs: 1_000, versionRange: '~2', provider: 'q' });
  expect(seen[0]).toMatchObject({
    refs: [{ type: 'A', key: 'a', versionRange: '^1', provider: 'p' }],
    itemTimeout: { seconds: 0n, nanos: 250_000_000 },
    maxAge: { seconds: 1n },
    minQuality: 0.5,
    consistencyToken: 't',
  });
  expect(seen[1]).toMatchObject({
    refs: [{ type: 'A', key: 'a', versionRange: '~2', provider: 'q' }],
    minQuality: 0,
  });
  expect(timeouts[0]).toBeGreaterThan(4_000);
  expect(timeouts[0]).toBeLessThanOrEqual(5_000);
  expect(timeouts[1]).toBeLessThanOrEqual(1_000);
});

test('errors say what the details of google.rpc say', async () => {
  const weir = await openWeir({
    fetchContext: () => {
      throw new ConnectError(
        'the batch is too large',
        Code.InvalidArgument,
        { 'x-request-id': 'r1' },
        [
          { desc: ErrorInfoSchema, value: { domain: 'weir', reason: 'REASON_BATCH_TOO_LARGE' } },
          { desc: RetryInfoSchema, value: { retryDelay: durationFromMs(1_250) } },
          {
            desc: BadRequestSchema,
            value: { fieldViolations: [{ field: 'refs', description: 'send at most 256' }] },
          },
        ],
      );
    },
  });
  const error = await weir.fetch(['A/a']).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(WeirCallError);
  expect(error).toMatchObject({
    message: 'InvalidArgument (BATCH_TOO_LARGE): the batch is too large\n  refs: send at most 256',
    code: Code.InvalidArgument,
    reason: Reason.BATCH_TOO_LARGE,
    text: 'the batch is too large',
    retryDelayMs: 1_250,
    violations: [{ field: 'refs', description: 'send at most 256' }],
    requestId: 'r1',
  });
});

test('what is safe is tried again', async () => {
  let calls = 0;
  const retryable = [
    new ConnectError('down', Code.Unavailable),
    new ConnectError('slow down', Code.ResourceExhausted, undefined, [
      { desc: RetryInfoSchema, value: { retryDelay: durationFromMs(10) } },
    ]),
  ];
  const weir = await openWeir({
    fetchContext: (request) => {
      const error = retryable[calls];
      calls += 1;
      if (error) throw error;
      return echo(request);
    },
  });
  expect(await weir.get('A', 'a')).toMatchObject({ value: 'a' });
  expect(calls).toBe(3);
});

test.each([
  ['an exhaustion without a delay', Code.ResourceExhausted],
  ['a malformed request', Code.InvalidArgument],
  ['a fault of Weir', Code.Internal],
])('%s is not tried again', async (_, code) => {
  let calls = 0;
  const weir = await openWeir({
    fetchContext: () => {
      calls += 1;
      throw new ConnectError('no', code);
    },
  });
  await expect(weir.fetch(['A/a'])).rejects.toMatchObject({ code });
  expect(calls).toBe(1);
});

test('a write is not tried again', async () => {
  const weir = await openWeir({});
  registerCalls = 0;
  await expect(weir.registry.registerProvider({})).rejects.toBeInstanceOf(WeirCallError);
  expect(registerCalls).toBe(1);
});

test('retries end with their number, the deadline and the budget', async () => {
  let calls = 0;
  let delayMs = 0;
  const weir = await openWeir({
    fetchContext: () => {
      calls += 1;
      const retryDelay = durationFromMs(delayMs);
      const details = [{ desc: RetryInfoSchema, value: { retryDelay } }];
      throw new ConnectError('down', Code.Unavailable, undefined, details);
    },
  });
  await expect(weir.fetch(['A/a'])).rejects.toMatchObject({ code: Code.Unavailable });
  expect(calls).toBe(4);
  calls = 0;
  delayMs = 60_000;
  await expect(weir.fetch(['A/a'])).rejects.toMatchObject({ code: Code.Unavailable });
  expect(calls).toBe(1);
  delayMs = 0;
  for (let times = 0; times < 5; times += 1) await weir.fetch(['A/a']).catch(() => {});
  calls = 0;
  await weir.fetch(['A/a']).catch(() => {});
  expect(calls).toBe(1);
});

test('a Weir that is not there is unavailable, within the deadline', async () => {
  const weir = createWeir({ url: 'http://127.0.0.1:1', key: 'k', timeoutMs: 20_000 });
  await expect(weir.get('A', 'a')).rejects.toMatchObject({
    name: 'WeirCallError',
    code: Code.Unavailable,
  });
});

test('a stream brings each item as it comes, and leaving it cancels the call', async () => {
  const ended = Promise.withResolvers<void>();
  const weir = await openWeir({
    async *streamContext({ fetch }, { signal }) {
      signal.addEventListener('abort', () => ended.resolve());
      if (fetch === undefined) return;
      yield { result: itemFor(fetch, 1) };
      yield { result: refusalFor(0, Reason.DEADLINE_EXCEEDED, 4) };
      await new Promise(() => {});
    },
  });
  const seen: unknown[] = [];
  for await (const outcome of weir.stream(['A/a', 'A/b', 'A/c'])) {
    seen.push([outcome.index, outcome.ref.key, outcome.ok]);
    if (seen.length === 2) break;
  }
  expect(seen).toEqual([
    [1, 'b', true],
    [0, 'a', false],
  ]);
  await ended.promise;
});

test('a stream of more than 256 refs is several calls, and its errors are call errors', async () => {
  const weir = await openWeir({
    async *streamContext({ fetch }) {
      if (fetch === undefined) return;
      for (const index of fetch.refs.keys()) yield { result: itemFor(fetch, index) };
      if (fetch.refs.length === 2) throw new ConnectError('cut', Code.Aborted);
    },
  });
  const refs = Array.from({ length: 300 }, (_, index) => `A/${index}`);
  const seen = new Set<number>();
  for await (const outcome of weir.stream(refs)) seen.add(outcome.index);
  expect(seen.size).toBe(300);
  await expect(async () => {
    for await (const _ of weir.stream(['A/a', 'A/b']));
  }).rejects.toMatchObject({ name: 'WeirCallError', code: Code.Aborted });
});

test('a list goes on from page to page, and tells of gaps', async () => {
  const weir = await openWeir({
    listContext: ({ type, keyPrefix, query, provider, pageSize, pageToken }) => ({
      entries: [
        { ref: { type, key: [keyPrefix, query, provider, pageSize, pageToken].join('|') } },
      ],
      nextPageToken: pageToken === '' ? 'two' : '',
      gaps: pageToken === '' ? [{ provider: 'down', type }] : [],
    }),
  });
  const gaps: string[] = [];
  const options = { type: 'A', keyPrefix: 'k', query: 'q', provider: 'p', pageSize: 1 };
  const keys: (string | undefined)[] = [];
  const onGap = (gap: { provider: string }): number => gaps.push(gap.provider);
  for await (const { ref } of weir.list({ ...options, onGap })) keys.push(ref?.key);
  expect(keys).toEqual(['k|q|p|1|', 'k|q|p|1|two']);
  expect(gaps).toEqual(['down']);
  expect((await weir.listPage(options)).nextPageToken).toBe('two');
});

test('explaining passes the batch on', async () => {
  const weir = await openWeir({
    explain: ({ fetch }) => ({
      explanations: (fetch?.refs ?? []).map(({ key }) => ({ typeVersion: key })),
    }),
  });
  const { explanations } = await weir.explain(['A/a', 'A/b']);
  expect(explanations.map((each) => each.typeVersion)).toEqual(['a', 'b']);
});

test.each<[Partial<WeirOptions>, string]>([
  [{ url: 'nowhere' }, 'url "nowhere" is no URL: write it like http://127.0.0.1:7070'],
  [{ url: 'ftp://a' }, 'url "ftp://a" is not http or https: write it like http://127.0.0.1:7070'],
  [{ url: 'http://a:b@c' }, 'url holds user info: drop it and give the key as `key`'],
  [{ key: '' }, 'key is empty or holds characters that no API key holds: give `weir_...`'],
  [{ timeoutMs: 0 }, 'timeoutMs is 0: give milliseconds, more than 0'],
])('options that cannot be right are refused: %o', (wrong, message) => {
  expect(() => createWeir({ url: 'http://a', key: 'k', ...wrong })).toThrow(new TypeError(message));
});
