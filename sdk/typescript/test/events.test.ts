import { createServer, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { durationFromMs, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, type HandlerContext, type ServiceImpl } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { afterEach, expect, test } from 'vitest';
import { subscribeTo } from '../src/consumer/subscribe.ts';
import { ErrorInfoSchema, RetryInfoSchema } from '../src/gen/google/rpc/error_details_pb.ts';
import {
  EventService,
  type PublishRequest,
  Start,
  type SubscribeRequest,
  SubscribeResponseSchema,
} from '../src/gen/weir/events/v1/events_pb.ts';
import {
  createWeir,
  type DeliveredEvent,
  Reason,
  type Weir,
  WeirCallError,
  type WeirOptions,
} from '../src/index.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
});

/** What the test's router has open. */
const sessions = new Set<{ destroy(): void }>();
const streams = new Set<{ destroy(): void }>();

/** A router on a real socket with the methods of a test, and a client of it. */
async function openWeir(
  methods: Partial<ServiceImpl<typeof EventService>>,
  options: Partial<WeirOptions> = {},
): Promise<Weir> {
  const server = createServer(
    connectNodeAdapter({ routes: (router) => router.service(EventService, methods) }),
  )
    .on('session', (session) => sessions.add(session))
    .on('stream', (stream) => streams.add(stream));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const weir = createWeir({ url: `http://127.0.0.1:${port}`, key: 'weir_a_b', ...options });
  cleanups.push(() => {
    weir.close();
    for (const session of sessions) session.destroy();
    sessions.clear();
    streams.clear();
    server.close();
  });
  return weir;
}

/** What becomes of each call of a subscription, one after the other; the last one stays open. */
type Call = (request: SubscribeRequest) => Iterable<ReturnType<typeof message>>;

function router(...calls: readonly Call[]) {
  const asked: SubscribeRequest[] = [];
  const ended: Promise<void>[] = [];
  async function* subscribe(request: SubscribeRequest, { signal }: HandlerContext) {
    const call = calls[asked.length];
    asked.push(request);
    const gone = new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    ended.push(gone);
    yield* call?.(request) ?? [];
    await gone;
  }
  return { asked, ended, methods: { subscribe } };
}

/** A message with the events at some positions. */
function message(cursor: string, ...positions: readonly number[]) {
  return create(SubscribeResponseSchema, {
    cursor,
    events: positions.map((position) => ({
      event: { topic: 'page.updated', key: `k${position}`, id: `e${position}` },
      position: BigInt(position),
    })),
  });
}

function refusal(code: Code, reason: string, retryMs?: number): ConnectError {
  const error = new ConnectError('no', code);
  error.details.push({
    desc: ErrorInfoSchema,
    value: { reason: `REASON_${reason}`, domain: 'weir' },
  });
  if (retryMs !== undefined) {
    error.details.push({ desc: RetryInfoSchema, value: { retryDelay: durationFromMs(retryMs) } });
  }
  return error;
}

async function take(events: AsyncIterable<DeliveredEvent>, count: number) {
  const taken: DeliveredEvent[] = [];
  for await (const event of events) if (taken.push(event) === count) break;
  return taken;
}

const keysOf = (events: readonly DeliveredEvent[]) => events.map(({ key }) => key);

test('publishing takes one line', async () => {
  const asked: PublishRequest[] = [];
  const weir = await openWeir({
    publish: (request) => {
      asked.push(request);
      return { ids: request.events.map(({ id }) => id || 'given'), consistencyToken: 't' };
    },
  });
  const data = { title: 'Home' };
  const done = await weir.publish('page.updated', { key: 'home', data, refs: ['PageDSL/home'] });
  expect(done).toEqual({ ids: ['given'], consistencyToken: 't' });
  const [event] = asked[0]?.events ?? [];
  expect(event).toMatchObject({ topic: 'page.updated', key: 'home' });
  expect(event).toMatchObject({ contentType: 'application/json', labels: {}, id: '' });
  expect(event?.refs).toMatchObject([{ type: 'PageDSL', key: 'home' }]);
  expect(new TextDecoder().decode(event?.data)).toBe('{"title":"Home"}');
});

test('several events are published in one request, each as it is', async () => {
  const asked: PublishRequest[] = [];
  const weir = await openWeir({
    publish: (request) => {
      asked.push(request);
      return { ids: request.events.map(({ id }) => id) };
    },
  });
  const time = new Date('2026-01-02T03:04:05Z');
  const facts = { labels: { a: 'b' }, owner: 'ann', sensitivity: 'restricted', time } as const;
  const { ids } = await weir.publish(
    [
      { topic: 'a', id: '1', data: 'hello', ...facts },
      { topic: 'b', id: '2', data: new Uint8Array([1]) },
      { topic: 'c', id: '3', data: '{}', contentType: 'application/json' },
      { topic: 'd', id: '4' },
    ],
    { idempotencyKey: 'mine' },
  );
  expect(ids).toEqual(['1', '2', '3', '4']);
  expect(asked[0]?.idempotencyKey).toBe('mine');
  const { events = [] } = asked[0] ?? {};
  expect(events[0]).toMatchObject({ labels: { a: 'b' }, owner: 'ann', sensitivity: 4 });
  expect(events[0]?.time).toEqual(timestampFromDate(time));
  expect(events.map((event) => [event.contentType, event.data.length])).toEqual([
    ['text/plain; charset=utf-8', 5],
    ['application/octet-stream', 1],
    ['application/json', 2],
    ['application/json', 0],
  ]);
});

test('a publish whose answer was lost is sent again under its key, and published once', async () => {
  const log = new Map<string, number>();
  let calls = 0;
  const weir = await openWeir({
    publish: ({ idempotencyKey }) => {
      calls += 1;
      log.set(idempotencyKey, (log.get(idempotencyKey) ?? 0) + 1);
      if (calls % 2 === 1) throw refusal(Code.Unavailable, 'EVENTS_UNAVAILABLE', 1);
      return { ids: ['e'] };
    },
  });
  await weir.publish('a');
  await weir.publish('a');
  expect([...log.values()]).toEqual([2, 2]);
  expect([...log.keys()]).not.toContain('');
});

test('a publish that is refused is not sent again', async () => {
  let calls = 0;
  const weir = await openWeir({
    publish: () => {
      calls += 1;
      throw refusal(Code.PermissionDenied, 'DENIED');
    },
  });
  await expect(weir.publish('a')).rejects.toMatchObject({ reason: Reason.DENIED });
  await expect(weir.publish('a', { refs: ['nothing'] })).rejects.toThrow(TypeError);
  await expect(weir.publish('a', { data: () => 1 })).rejects.toThrow('has no JSON');
  expect(calls).toBe(1);
});

test('an event arrives with all that is said of it', async () => {
  const time = timestampFromDate(new Date('2026-01-02T03:04:05.006Z'));
  const payload = new TextEncoder().encode('"hi"');
  const refs = [
    { type: 'Note', key: 'a' },
    { type: 'Note', key: 'b', versionRange: '^1' },
  ];
  const told = router(() => [
    create(SubscribeResponseSchema, {
      cursor: 'c1',
      events: [
        {
          event: {
            ...{ topic: 'page.updated', key: 'home', id: 'e1', data: payload, time, refs },
            ...{ sensitivity: 3, labels: { a: 'b' }, owner: 'ann' },
          },
          ...{ publisher: 'cms', publishTime: time, position: 7n, replaced: 2 },
          items: [
            {
              index: 1,
              outcome: { case: 'item', value: { body: { case: 'payload', value: payload } } },
            },
          ],
          consistencyToken: 't',
        },
        { event: { topic: 'page.gone' }, position: 8n, withheld: true, redacted: true },
      ],
    }),
  ]);
  const weir = await openWeir(told.methods);
  const asked = { fetch: true, latestOnly: true, maxPerSecond: 5, purpose: 'support' };
  const options = { ...asked, from: 'earliest' } as const;
  const [event, gone] = await take(weir.subscribe(['page.*', 'a'], options), 2);
  expect(told.asked[0]).toMatchObject({ ...asked, topics: ['page.*', 'a'], cursor: '' });
  expect(told.asked[0]?.start).toBe(Start.EARLIEST);
  expect(event).toMatchObject({
    ...{ topic: 'page.updated', key: 'home', id: 'e1', data: payload, owner: 'ann' },
    ...{ contentType: 'application/json', labels: { a: 'b' }, sensitivity: 'confidential' },
    ...{ time: new Date('2026-01-02T03:04:05.006Z'), publisher: 'cms', position: 7n },
    ...{ withheld: false, redacted: false, replaced: 2, refs, consistencyToken: 't' },
    items: [{ ok: true, index: 1, ref: refs[1], item: { value: 'hi' } }],
  });
  expect([event?.json(), event?.text()]).toEqual(['hi', '"hi"']);
  expect(gone).toMatchObject({
    withheld: true,
    redacted: true,
    sensitivity: 'internal',
    items: [],
  });
  expect(gone?.json()).toBeUndefined();
});

test('of events that came together only the last leads past them', async () => {
  const told = router(() => [message('c1', 1, 2), message('c2'), message('c3', 3, 4)]);
  const weir = await openWeir(told.methods);
  const cursors: string[] = [];
  const onCursor = (cursor: string) => cursors.push(cursor);
  const events = await take(weir.subscribe('*', { cursor: 'c0', onCursor }), 4);
  expect(told.asked[0]?.cursor).toBe('c0');
  expect(events.map(({ cursor }) => cursor)).toEqual(['c0', 'c1', 'c2', 'c3']);
  // The loop was left while the last message was being handled.
  expect(cursors).toEqual(['c1', 'c2']);
});

test('a subscription that breaks off goes on from its cursor, and nothing comes twice', async () => {
  const told = router(
    function* () {
      yield message('c1', 1, 2);
      throw refusal(Code.Unavailable, 'OVERLOADED', 1);
    },
    function* () {
      yield message('c3', 2, 3);
      throw refusal(Code.ResourceExhausted, 'SUBSCRIBER_SLOW', 1);
    },
    () => [message('c4', 4)],
  );
  const weir = await openWeir(told.methods);
  const breaks: Reason[] = [];
  const onBreak = ({ reason }: WeirCallError) => breaks.push(reason);
  const events = await take(weir.subscribe('*', { from: 'earliest', onBreak }), 4);
  expect(keysOf(events)).toEqual(['k1', 'k2', 'k3', 'k4']);
  expect(told.asked.map(({ cursor }) => cursor)).toEqual(['', 'c1', 'c3']);
  expect(breaks).toEqual([Reason.OVERLOADED, Reason.SUBSCRIBER_SLOW]);
});

test('one that breaks before the first message begins as asked', async () => {
  const told = router(
    () => {
      throw refusal(Code.Unavailable, 'OVERLOADED');
    },
    () => [message('c1', 1)],
  );
  const weir = await openWeir(told.methods);
  await take(weir.subscribe('*', { from: 'earliest' }), 1);
  const [first, again] = told.asked;
  expect(again).toEqual(first);
  expect(again?.start).toBe(Start.EARLIEST);
});

test.each(['connection', 'stream'] as const)('a %s that is lost is made anew', async (what) => {
  const told = router(
    () => [message('c1', 1)],
    () => [message('c2', 2)],
  );
  const weir = await openWeir(told.methods);
  const keys: string[] = [];
  for await (const { key } of weir.subscribe('*')) {
    if (keys.push(key) === 2) break;
    for (const each of what === 'stream' ? streams : sessions) each.destroy();
  }
  expect(keys).toEqual(['k1', 'k2']);
  expect(told.asked.map(({ cursor }) => cursor)).toEqual(['', 'c1']);
});

test('a stream that is cut in the middle of a message goes on before it', async () => {
  const large = create(SubscribeResponseSchema, {
    cursor: 'c2',
    events: [
      { event: { topic: 'a', key: 'large', data: new Uint8Array(3_000_000) }, position: 2n },
    ],
  });
  const told = router(
    () => [message('c1', 1), large],
    () => [large],
  );
  const weir = await openWeir(told.methods);
  const keys: string[] = [];
  for await (const { key } of weir.subscribe('*')) {
    if (keys.push(key) === 2) break;
    // Nobody reads: of the large message so much is on its way as the windows let through.
    await sleep(100);
    for (const stream of streams) stream.destroy();
  }
  expect(keys).toEqual(['k1', 'large']);
  expect(told.asked.map(({ cursor }) => cursor)).toEqual(['', 'c1']);
});

test('where nothing comes for too long the connection is held to be lost', async () => {
  const told = router(
    () => [message('c1', 1)],
    () => [message('c2', 2)],
  );
  const weir = await openWeir(told.methods);
  const patience = { silenceMs: 300, backoff: { firstMs: 1, maxMs: 1 } };
  const texts: string[] = [];
  const onBreak = ({ text }: WeirCallError) => texts.push(text);
  const events = subscribeTo(weir.events, { topics: ['*'], onBreak }, patience);
  expect(keysOf(await take(events, 2))).toEqual(['k1', 'k2']);
  expect(texts).toEqual(['nothing came for 300 ms']);
  // The silent call was ended, not left behind.
  await told.ended[0];
});

test('who handles an event for long is not held to be lost', async () => {
  const told = router(() => [message('c1', 1), message('c2', 2)]);
  const weir = await openWeir(told.methods);
  const patience = { silenceMs: 200, backoff: { firstMs: 1, maxMs: 1 } };
  const keys: string[] = [];
  for await (const { key } of subscribeTo(weir.events, { topics: ['*'] }, patience)) {
    if (keys.push(key) === 2) break;
    await sleep(400);
  }
  expect([keys, told.asked.length]).toEqual([['k1', 'k2'], 1]);
});

test('the time of the client’s calls ends no subscription', async () => {
  const deadlines: (string | null)[] = [];
  const weir = await openWeir(
    {
      async *subscribe(_, { requestHeader }) {
        deadlines.push(requestHeader.get('grpc-timeout'));
        yield message('c1');
        await sleep(200);
        yield message('c2', 1);
      },
    },
    { timeoutMs: 50 },
  );
  expect(keysOf(await take(weir.subscribe('*'), 1))).toEqual(['k1']);
  expect(deadlines).toEqual([null]);
});

test('leaving the loop ends the call', async () => {
  const told = router(() => [message('c1', 1)]);
  const weir = await openWeir(told.methods);
  for await (const _ of weir.subscribe('*')) break;
  await told.ended[0];
});

test.each(['while it waits for events', 'while it waits to come back'])(
  'the signal ends it %s',
  async (when) => {
    const left = new AbortController();
    const told = router(function* () {
      yield message('c1', 1);
      if (when.endsWith('back')) throw refusal(Code.Unavailable, 'OVERLOADED', 60_000);
    });
    const weir = await openWeir(told.methods);
    const events = weir.subscribe('*', { signal: left.signal })[Symbol.asyncIterator]();
    await events.next();
    const next = events.next();
    // By now the refusal is there, or never will be.
    await sleep(100);
    left.abort();
    await expect(next).rejects.toMatchObject({ code: Code.Canceled, reason: Reason.CANCELLED });
    expect(told.asked).toHaveLength(1);
  },
);

test.each([
  [Code.InvalidArgument, 'INVALID_CURSOR'],
  [Code.PermissionDenied, 'DENIED'],
  [Code.Unauthenticated, 'CREDENTIAL_INVALID'],
  [Code.OutOfRange, 'CURSOR_TOO_OLD'],
  [Code.ResourceExhausted, 'QUOTA_EXCEEDED'],
] as const)('what does not pass is thrown: %s %s', async (code, reason) => {
  const told = router(() => {
    throw refusal(code, reason, 1);
  });
  const weir = await openWeir(told.methods);
  const failure = await take(weir.subscribe('*'), 1).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(WeirCallError);
  expect(failure).toMatchObject({ code, reason: Reason[reason] });
  expect(told.asked).toHaveLength(1);
});

/** A client of several routers that are made of one; `kill` breaks all connections of one for good. */
async function openBoth(...both: readonly Partial<ServiceImpl<typeof EventService>>[]) {
  const servers = await Promise.all(both.map(listen));
  const weir = createWeir({ url: servers.map(({ url }) => url), key: 'weir_a_b' });
  cleanups.push(() => weir.close());
  return { weir, kill: (index: number) => servers[index]?.kill() };
}

async function listen(methods: Partial<ServiceImpl<typeof EventService>>) {
  const routes = connectNodeAdapter({ routes: (each) => each.service(EventService, methods) });
  const open = new Set<ServerHttp2Session>();
  const server = createServer(routes).on('session', (session) => open.add(session));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const kill = () => {
    server.close();
    for (const session of open) session.destroy();
  };
  cleanups.push(kill);
  return { url: `http://127.0.0.1:${port}`, kill };
}

test('a subscription goes on at the next address, and at the first again', async () => {
  const one = router(
    () => [message('c1', 1)],
    () => [message('c3', 3)],
  );
  const away = refusal(Code.Unavailable, 'OVERLOADED');
  const asked: string[] = [];
  async function* subscribe({ cursor }: SubscribeRequest) {
    asked.push(cursor);
    yield message('c2', 2);
    throw away;
  }
  const { weir } = await openBoth(one.methods, { subscribe });
  const patience = { silenceMs: 300, backoff: { firstMs: 1, maxMs: 1 } };
  // The first says nothing more, the second stops.
  const events = subscribeTo(weir.events, { topics: ['*'] }, patience);
  expect(keysOf(await take(events, 3))).toEqual(['k1', 'k2', 'k3']);
  expect(asked).toEqual(['c1']);
  expect(one.asked.map(({ cursor }) => cursor)).toEqual(['', 'c2']);
});

test('what is published when an address dies is published at the next one, under the same key', async () => {
  const keys: string[] = [];
  let killOne = () => {};
  const { weir, kill } = await openBoth(
    {
      publish: async ({ idempotencyKey }, { signal }) => {
        keys.push(idempotencyKey);
        killOne();
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        return {};
      },
    },
    {
      publish: ({ idempotencyKey }) => {
        keys.push(idempotencyKey);
        return { ids: ['a'] };
      },
    },
  );
  killOne = () => kill(0);
  expect((await weir.publish('page.updated')).ids).toEqual(['a']);
  expect((await weir.publish('page.updated')).ids).toEqual(['a']);
  expect(keys.length).toBe(3);
  expect(keys[0]).toBe(keys[1]);
});

test('a refusal is no reason to ask at another address', async () => {
  let asked = 0;
  const publish = () => {
    asked += 1;
    throw refusal(Code.PermissionDenied, 'DENIED');
  };
  const { weir } = await openBoth({ publish }, {});
  await expect(weir.publish('a')).rejects.toMatchObject({ reason: Reason.DENIED });
  await expect(weir.publish('a')).rejects.toMatchObject({ reason: Reason.DENIED });
  expect(asked).toBe(2);
});

test('of addresses there is one, and not too many; each is checked', () => {
  const key = 'weir_a_b';
  const many = Array.from({ length: 17 }, (_, index) => `http://127.0.0.1:${7070 + index}`);
  expect(() => createWeir({ url: [], key })).toThrow('give 1 to 16');
  expect(() => createWeir({ url: many, key })).toThrow('url has 17 addresses: give 1 to 16');
  expect(() => createWeir({ url: ['http://127.0.0.1', 'ftp://b'], key })).toThrow('not http');
});
