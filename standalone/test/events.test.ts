import { once } from 'node:events';
import { connect } from 'node:http2';
import { create, toBinary } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { reasonOf } from '@weir/kit';
import { hasRedisServer, openTestRedis, type TestRedis } from '@weir/kit/testing/redis-server';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import {
  Start,
  SubscribeRequestSchema,
  type SubscribeResponse,
} from '@weir/sdk/gen/weir/events/v1/events_pb';
import { defineContext, defineProvider, serveProvider } from '@weir/sdk/provider';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Events, event, eventsOf, keysOf, take } from './event-clients.ts';
import { openPrincipal, openTenant } from './tenants.ts';
import { openTestWeir, type TestWeir, until } from './weir.ts';

const unpublishable: [string, object, Code, Reason][] = [
  ['no events', { events: [] }, Code.InvalidArgument, Reason.BATCH_EMPTY],
  [
    'too many',
    { events: Array.from({ length: 257 }, () => event('a')) },
    Code.InvalidArgument,
    Reason.BATCH_TOO_LARGE,
  ],
  [
    'a topic',
    { events: [event('a', { topic: 'Page Updated' })] },
    Code.InvalidArgument,
    Reason.INVALID_NAME,
  ],
  ['a key', { events: [event('a\n')] }, Code.InvalidArgument, Reason.INVALID_KEY],
  [
    'data',
    { events: [event('a', { data: new Uint8Array(256 * 1024 + 1) })] },
    Code.ResourceExhausted,
    Reason.MESSAGE_TOO_LARGE,
  ],
  [
    'a ref',
    { events: [event('a', { refs: [{ type: '', key: 'x' }] })] },
    Code.InvalidArgument,
    Reason.INVALID_NAME,
  ],
];

/** A Redis for the logs of these tests. */
let redis: TestRedis | undefined;
beforeAll(async () => {
  if (hasRedisServer) redis = await openTestRedis();
});
afterAll(() => redis?.[Symbol.asyncDispose]());

const inRedis = () => ({
  WEIR_EVENTS_LOG: 'redis',
  WEIR_EVENTS_REDIS_URL: redis?.url,
});
const places = [
  { place: 'the registry', envOf: () => ({}), isThere: true },
  { place: 'Redis', envOf: inRedis, isThere: hasRedisServer },
];

describe.each(places)('events in $place', ({ envOf, isThere }) => {
  beforeEach((context) => {
    if (!isThere) context.skip('there is no redis-server');
  });
  // One Weir for all of them; each test has a tenant of its own, and so a log of its own.
  let shared: TestWeir | undefined;
  beforeAll(async () => {
    if (isThere) shared = await openTestWeir(envOf());
  }, 180_000);
  afterAll(() => shared?.[Symbol.asyncDispose]());
  const open = () => openTenant(shared as TestWeir);

  test('come in the order in which they were published, and go on from a cursor', async () => {
    using opened = await open();
    const events = eventsOf(opened.weir.url, opened.weir.key);
    await events.publish({ events: [event('a'), event('b'), event('c')] });
    const all = { topics: ['page.*'], start: Start.EARLIEST };
    const first = await take(events.subscribe(all), 3);
    expect(keysOf(first.events)).toEqual(['a', 'b', 'c']);
    expect(first.events.map(({ position }) => position)).toEqual([1n, 2n, 3n]);

    await events.publish({ events: [event('d'), event('e', { topic: 'user.updated' })] });
    const rest = await take(events.subscribe({ topics: ['*'], cursor: first.cursor }), 2);
    expect(keysOf(rest.events)).toEqual(['d', 'e']);
    const pages = await take(events.subscribe(all), 4);
    expect(keysOf(pages.events)).toEqual(['a', 'b', 'c', 'd']);
  });

  test('come as they happen, with what they carry', async () => {
    using opened = await open();
    const events = eventsOf(opened.weir.url, opened.weir.key);
    const subscription = events.subscribe({ topics: ['page.updated'] })[Symbol.asyncIterator]();
    // The first message says where it begins.
    expect((await subscription.next()).value?.events).toEqual([]);
    const data = Buffer.from('{"title":"Home"}');
    const { ids } = await events.publish({
      events: [event('home', { data, labels: { site: 'shop' }, owner: 'lin' })],
    });
    const { value } = await subscription.next();
    expect(value?.events[0]).toMatchObject({
      event: { topic: 'page.updated', key: 'home', id: ids[0], labels: { site: 'shop' } },
      position: 1n,
      withheld: false,
      redacted: false,
    });
    expect(Buffer.from(value?.events[0]?.event?.data ?? []).toString()).toBe('{"title":"Home"}');
    await subscription.return?.();
  });

  test('are published once, however often they are sent under one key', async () => {
    using opened = await open();
    const events = eventsOf(opened.weir.url, opened.weir.key);
    const request = { events: [event('a'), event('b')], idempotencyKey: 'k1' };
    const first = await events.publish(request);
    const second = await events.publish(request);
    expect(second.ids).toEqual(first.ids);
    const other = events.publish({ events: [event('c')], idempotencyKey: 'k1' });
    await expect(other).rejects.toMatchObject({ code: Code.AlreadyExists });
    await events.publish({ events: [event('last')] });
    const all = await take(events.subscribe({ topics: ['*'], start: Start.EARLIEST }), 3);
    expect(keysOf(all.events)).toEqual(['a', 'b', 'last']);
  });

  test('bring the items of their refs as they are now, and caches forget what they were', async () => {
    using opened = await open();
    let text = 'old';
    await using _provider = await serveNotes(opened, () => text);
    const fetchNote = async (consistencyToken = '') => {
      const refs = [{ type: 'Note', key: 'n1' }];
      const { results } = await opened.client.router.fetchContext({ refs, consistencyToken });
      const { outcome } = results[0] ?? {};
      const body = outcome?.case === 'item' ? outcome.value.body : undefined;
      return body?.case === 'payload'
        ? JSON.parse(Buffer.from(body.value).toString()).text
        : outcome;
    };
    await until(async () => (await fetchNote()) === 'old', 'the provider answers');
    text = 'new';
    expect(await fetchNote()).toBe('old');

    const events = eventsOf(opened.weir.url, opened.weir.key);
    const wanted = { topics: ['note.*'], start: Start.EARLIEST, fetch: true };
    const subscription = take(events.subscribe(wanted), 1);
    const refs = [{ type: 'Note', key: 'n1' }];
    const published = await events.publish({
      events: [event('n1', { topic: 'note.updated', refs })],
    });
    expect(await fetchNote(published.consistencyToken)).toBe('new');
    const [delivered] = (await subscription).events;
    const outcome = delivered?.items[0]?.outcome;
    const body = outcome?.case === 'item' ? outcome.value.body : undefined;
    expect(body?.case === 'payload' && Buffer.from(body.value).toString()).toBe('{"text":"new"}');
    expect(await fetchNote()).toBe('new');
  });

  test('reach whom the policy lets, and nobody else', async () => {
    using opened = await open();
    const { client, weir } = opened;
    const admin = eventsOf(weir.url, weir.key);
    const { events: reader } = await openPrincipal(opened, 'reader');
    await client.policy.putPolicy({
      policy: { source: { case: 'document', value: secretTopics } },
    });
    await admin.publish({ events: [event('1', { topic: 'secret.made' }), event('2')] });
    const seen = await take(reader.subscribe({ topics: ['*'], start: Start.EARLIEST }), 1);
    expect(keysOf(seen.events)).toEqual(['2']);

    const mayNot = reader.publish({ events: [event('3')] });
    await expect(mayNot).rejects.toMatchObject({ code: Code.PermissionDenied });
  });

  test('are decided on by the policy of the moment, for each subscriber on its own', async () => {
    using opened = await open();
    const { client, weir } = opened;
    const admin = eventsOf(weir.url, weir.key);
    const { events: reader } = await openPrincipal(opened, 'reader');
    const [whole, part] = [admin, reader].map((events) =>
      events.subscribe({ topics: ['*'] })[Symbol.asyncIterator](),
    );
    const next = async (from: AsyncIterator<SubscribeResponse> | undefined) => {
      const value: SubscribeResponse | undefined = (await from?.next())?.value;
      return value?.events.map(({ event: one, redacted }) => [one?.key, redacted]);
    };
    expect([await next(whole), await next(part)]).toEqual([[], []]);
    await admin.publish({ events: [event('1', { data: salary })] });
    expect([await next(whole), await next(part)]).toEqual([[['1', false]], [['1', false]]]);

    const put = async (document: string) => {
      const policy = { source: { case: 'document' as const, value: document } };
      const { consistencyToken } = await client.policy.putPolicy({ policy });
      await client.router.fetchContext({ refs: [{ type: 'None', key: 'k' }], consistencyToken });
    };
    await put(hiddenParts);
    await admin.publish({ events: [event('2', { data: salary })] });
    expect([await next(whole), await next(part)]).toEqual([[['2', false]], [['2', true]]]);

    await put(nothingForReader);
    await admin.publish({ events: [event('3', { data: salary })] });
    expect(await next(whole)).toEqual([['3', false]]);
    await put(hiddenParts.replace('parts-stay', 'parts-go'));
    await admin.publish({ events: [event('4', { data: salary })] });
    expect([await next(whole), await next(part)]).toEqual([[['4', false]], [['4', true]]]);
    await Promise.all([whole?.return?.(), part?.return?.()]);
  });

  test('show of what they carry what the policy lets', async () => {
    using opened = await open();
    const { client, weir } = opened;
    const admin = eventsOf(weir.url, weir.key);
    const { events: reader } = await openPrincipal(opened, 'reader');
    await client.policy.putPolicy({
      policy: { source: { case: 'document', value: hiddenParts } },
    });
    const data = (value: unknown) => Buffer.from(JSON.stringify(value));
    const whole = data({ salary: 4200, note: 'ask lin@example.com' });
    const labels = { contact: 'lin@example.com' };
    const large = data({ salary: 1, filler: 'x'.repeat(100_000) });
    await admin.publish({
      events: [
        event('1', { data: whole, labels, owner: 'lin@example.com' }),
        event('2', { data: large }),
        event('3', { data: data({ other: 1 }) }),
        event('4', { data: Buffer.from([0, 1, 2]), contentType: 'image/png', labels }),
      ],
    });
    const subscription = { topics: ['*'], start: Start.EARLIEST };
    const { events } = await take(reader.subscribe(subscription), 4);
    const shown = events.map(({ event: one, redacted, withheld }) => ({
      ...{ text: Buffer.from(one?.data ?? []).toString(), redacted, withheld },
      ...{ labels: one?.labels, owner: one?.owner },
    }));
    expect(shown[0]).toEqual({
      text: '{"salary":0,"note":"ask [email]"}',
      ...{ redacted: true, withheld: false, labels: { contact: '[email]' }, owner: '[email]' },
    });
    expect(shown[1]).toMatchObject({ redacted: true, withheld: false });
    expect(JSON.parse(shown[1]?.text ?? '')).toMatchObject({ salary: 0 });
    expect(shown[2]).toMatchObject({ text: '{"other":1}', redacted: false, withheld: false });
    expect(shown[3]).toMatchObject({ text: '', redacted: false, withheld: true, labels: {} });
    const [first] = (await take(admin.subscribe(subscription), 4)).events;
    expect(Buffer.from(first?.event?.data ?? [])).toEqual(whole);
  });

  test('a cursor is its principal’s, and as it was given', async () => {
    using opened = await open();
    const admin = eventsOf(opened.weir.url, opened.weir.key);
    const { events: reader } = await openPrincipal(opened, 'reader');
    await admin.publish({ events: [event('a')] });
    const { cursor } = await take(admin.subscribe({ topics: ['*'], start: Start.EARLIEST }), 1);
    const refusal = async (events: Events, stolen: string) => {
      const failed = await take(events.subscribe({ topics: ['*'], cursor: stolen }), 1).catch(
        (error: unknown) => ConnectError.from(error),
      );
      return failed instanceof ConnectError ? [failed.code, reasonOf(failed)] : failed;
    };
    expect(await refusal(reader, cursor)).toEqual([Code.PermissionDenied, Reason.DENIED]);
    const altered = `${cursor.slice(0, 8)}${cursor[8] === 'A' ? 'B' : 'A'}${cursor.slice(9)}`;
    for (const malformed of ['x', 'a.b', altered, 'y'.repeat(5_000)]) {
      expect(await refusal(admin, malformed)).toEqual([
        Code.InvalidArgument,
        Reason.INVALID_CURSOR,
      ]);
    }
  });

  test('of one key give way to the latest, for who asks so', async () => {
    using opened = await open();
    const events = eventsOf(opened.weir.url, opened.weir.key);
    const many = Array.from({ length: 10 }, (_, index) => event(index % 2 ? 'odd' : 'even'));
    await events.publish({ events: many });
    const wanted = { topics: ['*'], start: Start.EARLIEST, latestOnly: true };
    const latest = await take(events.subscribe(wanted), 2);
    expect(latest.events.map(({ position, replaced }) => [position, replaced])).toEqual([
      [9n, 4],
      [10n, 4],
    ]);
  });

  test('end when who subscribes may not any more', async () => {
    using opened = await open();
    const { client } = opened;
    const { events: reader, keyId } = await openPrincipal(opened, 'reader');
    const subscription = reader.subscribe({ topics: ['*'] })[Symbol.asyncIterator]();
    await subscription.next();
    await client.admin.revokeKey({ id: keyId });
    await expect(subscription.next()).rejects.toMatchObject({ code: Code.Unauthenticated });
  });

  test('cut off who does not read, and nobody else', async () => {
    using opened = await open();
    const { url, key } = opened.weir;
    const events = eventsOf(url, key);
    using subscribed = await subscribeWithoutReading(url, key);
    const { stream } = subscribed;
    const data = new Uint8Array(64 * 1024);
    const reading = events
      .subscribe({ topics: ['*'], start: Start.EARLIEST })
      [Symbol.asyncIterator]();
    const read: bigint[] = [];
    for (let request = 1; request <= 16; request++) {
      await events.publish({ events: Array.from({ length: 4 }, () => event('k', { data })) });
      // Who reads keeps up, however busy the machine is.
      while (read.length < request * 4) {
        const { value, done } = await reading.next();
        if (done) throw new Error('who reads was cut off');
        read.push(...value.events.map(({ position }) => position));
      }
    }
    await reading.return?.();
    expect(read).toEqual(Array.from({ length: 64 }, (_, index) => BigInt(index + 1)));
    await until(() => stream.closed, 'who reads nothing is cut off');
  });

  test('are refused whole when one cannot be published, with its place', async () => {
    using opened = await open();
    const events = eventsOf(opened.weir.url, opened.weir.key);
    for (const [what, request, code, reason] of unpublishable) {
      const error = await events.publish(request).then(
        () => undefined,
        (thrown: unknown) => ConnectError.from(thrown),
      );
      expect([what, error?.code, error && reasonOf(error)]).toEqual([what, code, reason]);
    }
    await events.publish({ events: [event('whole')] });
    const all = await take(events.subscribe({ topics: ['*'], start: Start.EARLIEST }), 1);
    expect(all.events[0]?.position).toBe(1n);
  });
});

/** Subscribes to everything, and reads nothing of what comes. */
async function subscribeWithoutReading(url: string, key: string) {
  const session = connect(url);
  const stream = session.request({
    ...{ ':method': 'POST', ':path': '/weir.events.v1.EventService/Subscribe' },
    ...{ 'content-type': 'application/grpc+proto', te: 'trailers' },
    authorization: `Bearer ${key}`,
  });
  const message = toBinary(
    SubscribeRequestSchema,
    create(SubscribeRequestSchema, { topics: ['*'] }),
  );
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  stream.on('error', () => {});
  stream.end(Buffer.concat([prefix, message]));
  await once(stream, 'response');
  return {
    stream,
    [Symbol.dispose]: () => session.destroy(),
  };
}

test('subscriptions leave the calls at work to others', async () => {
  await using opened = await openTestWeir({ WEIR_CALLS_AT_WORK: '2' });
  const events = eventsOf(opened.weir.url, opened.weir.key);
  const open: AsyncIterator<SubscribeResponse>[] = [];
  // One by one: two at once are at work until their messages are read, and others are refused soon.
  for (let count = 0; count < 4; count++) {
    const subscription = events.subscribe({ topics: ['*'] })[Symbol.asyncIterator]();
    await subscription.next();
    open.push(subscription);
  }
  await events.publish({ events: [event('a')] });
  for (const subscription of open) {
    expect(keysOf((await subscription.next()).value?.events ?? [])).toEqual(['a']);
    await subscription.return?.();
  }
});

const secretTopics = `
kind: Policy
name: topics
rules:
  - name: secrets-stay
    effect: deny
    subjects: { principals: [reader] }
    actions: [subscribe]
    resources: { types: ["secret.*"] }
`;

const hiddenParts = `
kind: Policy
name: topics
rules:
  - name: parts-stay
    effect: allow
    subjects: { principals: [reader] }
    actions: [subscribe]
    resources: { types: ["page.*"] }
    obligations:
      - mask: { fields: { pointers: [/salary] } }
      - redact: { detectors: [email] }
`;

const nothingForReader = `
kind: Policy
name: topics
rules:
  - name: nothing
    effect: deny
    subjects: { principals: [reader] }
    actions: [subscribe]
    resources: { types: ["*"] }
`;

const salary = Buffer.from(JSON.stringify({ salary: 4200 }));

async function serveNotes({ weir }: { weir: { url: string; key: string } }, textOf: () => string) {
  const notes = defineProvider({
    name: 'notes',
    version: '1.0.0',
    contexts: [
      defineContext<{ text: string }>({
        type: 'Note',
        version: '1.0.0',
        schema: { type: 'object', properties: { text: { type: 'string' } } },
        ttlMs: 600_000,
        fetch: async () => ({ value: { text: textOf() } }),
      }),
    ],
  });
  return await serveProvider(notes, { url: weir.url, key: weir.key });
}
