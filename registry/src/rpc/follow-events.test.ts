import { tmpdir } from 'node:os';
import { toBinary } from '@bufbuild/protobuf';
import {
  type Client,
  Code,
  ConnectError,
  createClient,
  type Interceptor,
} from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { reasonOf } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import {
  EventLogService,
  type FollowEventsResponse,
  FollowEventsResponseSchema,
} from '@weir/sdk/gen/weir/events/v1/log_pb';
import { Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { describe, expect, test } from 'vitest';
import { createEventStore } from '../events/event-store.ts';
import { openOnServer, requestOf } from '../events/test-events.ts';
import { seedInstallation } from '../store/ledger.ts';
import { dumpNewDatabase, openPglite } from '../store/pglite.ts';
import { openTestRegistry, signed, type TestRegistry } from '../test-registry.ts';

const url = process.env.WEIR_TEST_DATABASE_URL;
const asRouter = signed({ kind: 'service', name: 'router' });
const asAdmin = signed({
  kind: 'caller',
  caller: {
    ...{ tenant: 'acme', principal: 'ann', consumer: '', keyId: 'k', permits: [], network: '' },
    ...{ authentication: 'key', scopes: new Set([Scope.ADMIN, Scope.PLATFORM]), attributes: {} },
  },
});

function logOf({ opened }: TestRegistry, interceptors: Interceptor[] = [asRouter]) {
  const transport = createGrpcTransport({ baseUrl: opened.url, interceptors });
  return createClient(EventLogService, transport);
}

/** What a router hears of a log. */
function follow(client: Client<typeof EventLogService>, after = 0n, tenant = 'acme') {
  const stop = new AbortController();
  const messages = client
    .followEvents({ tenant, after }, { signal: stop.signal })
    [Symbol.asyncIterator]();
  const next = async (): Promise<FollowEventsResponse> => {
    const { value, done } = await messages.next();
    return done ? expect.unreachable('the stream ended') : value;
  };
  return {
    next,
    /** The names of the next events. */
    async ids(count: number): Promise<string[]> {
      const ids: string[] = [];
      while (ids.length < count) {
        ids.push(...(await next()).events.map(({ event }) => event?.id ?? ''));
      }
      return ids;
    },
    ended: async () => {
      for (;;) if ((await messages.next()).done) return true;
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await messages.next().catch(() => {});
    },
  };
}

const refusal = (promise: Promise<unknown>): Promise<ConnectError> =>
  promise.then(() => expect.unreachable('nothing was refused'), ConnectError.from);

test('only routers are let in', async () => {
  await using registry = await openTestRegistry();
  for (const [interceptors, reason] of [
    [[asAdmin], Reason.SCOPE_MISSING],
    [[], Reason.CREDENTIAL_MISSING],
  ] as const) {
    const client = logOf(registry, [...interceptors]);
    await using following = follow(client);
    const calls = [
      () => client.appendEvents(requestOf(['a'])),
      () => client.getEventLog({ tenant: 'acme' }),
      () => client.readGroup({ tenant: 'acme', name: 'ann/mailers' }),
      () => client.writeGroup({ tenant: 'acme', name: 'ann/mailers' }),
      () => following.next(),
    ];
    for (const call of calls) expect(reasonOf(await refusal(call()))).toBe(reason);
  }
  expect(await logOf(registry).getEventLog({ tenant: 'acme' })).toMatchObject({ head: 0n });
});

test('a log is followed from its beginning, from the middle and from its head', async () => {
  await using registry = await openTestRegistry();
  const client = logOf(registry);
  const { epoch, position } = await client.appendEvents(requestOf(['a', 'b', 'c']));
  expect(position).toBe(3n);
  expect(await client.getEventLog({ tenant: 'acme' })).toMatchObject({
    first: 1n,
    head: 3n,
    epoch,
  });
  await using all = follow(client);
  await using rest = follow(client, 2n);
  await using coming = follow(client, 3n);
  await using others = follow(client, 0n, 'zeta');
  expect(await all.next()).toMatchObject({ head: 3n, epoch, events: [{}, {}, {}] });
  expect(await rest.ids(1)).toEqual(['c']);
  expect(await coming.next()).toMatchObject({ head: 3n, epoch, events: [] });
  await client.appendEvents(requestOf(['d', 'e']));
  await client.appendEvents(requestOf(['z'], { tenant: 'zeta' }));
  for (const one of [all, rest, coming]) expect(await one.ids(2)).toEqual(['d', 'e']);
  expect(await others.ids(1)).toEqual(['z']);
});

test('what cannot be appended is refused with its reason', async () => {
  await using registry = await openTestRegistry();
  const client = logOf(registry);
  const keyed = { idempotencyKey: 'k', fingerprint: new Uint8Array(32) };
  await client.appendEvents(requestOf(['a'], keyed));
  const otherwise = requestOf(['b'], { ...keyed, fingerprint: new Uint8Array(32).fill(1) });
  const known = await refusal(client.appendEvents(otherwise));
  expect([known.code, reasonOf(known)]).toEqual([Code.AlreadyExists, Reason.ALREADY_EXISTS]);
  const empty = await refusal(client.appendEvents(requestOf([])));
  expect([empty.code, reasonOf(empty)]).toEqual([Code.InvalidArgument, Reason.BATCH_EMPTY]);
});

test('what is not kept any more, or never was, cannot be followed', async () => {
  await using database = await openPglite({ dump: await dumpNewDatabase(tmpdir()) });
  await seedInstallation(database.db, 'e');
  const store = createEventStore(database.db);
  await store.append([requestOf(['a', 'b', 'c'])], Date.now());
  await store.prune('acme', { beforeMs: Date.now() + 1_000, maxBytes: 0 }, 2);
  await using registry = await openTestRegistry({ pgliteDump: await database.dump() });
  const client = logOf(registry);
  for (const position of [0n, 1n, 4n]) {
    await using following = follow(client, position);
    const error = await refusal(following.next());
    expect([error.code, reasonOf(error)]).toEqual([Code.OutOfRange, Reason.CURSOR_TOO_OLD]);
  }
  await using kept = follow(client, 2n);
  expect(await kept.ids(1)).toEqual(['c']);
});

test('events at their largest come in messages that clients take', async () => {
  await using registry = await openTestRegistry();
  const client = logOf(registry);
  const data = new Uint8Array(256 * 1024);
  for (const id of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']) {
    const events = [`${id}1`, `${id}2`].map((one) => ({ id: one, topic: 't', data }));
    await client.appendEvents(requestOf([], { events }));
  }
  await using following = follow(client);
  let count = 0;
  while (count < 16) {
    const message = await following.next();
    count += message.events.length;
    const bytes = toBinary(FollowEventsResponseSchema, message).length;
    expect(bytes).toBeLessThan(1024 * 1024 + 300 * 1024);
  }
});

test('a message comes at least every 10 seconds', async () => {
  await using registry = await openTestRegistry();
  await using following = follow(logOf(registry));
  await following.next();
  const began = performance.now();
  expect(await following.next()).toMatchObject({ events: [], head: 0n });
  expect(performance.now() - began).toBeLessThan(10_000);
});

test('a stream ends when its registry does', async () => {
  await using registry = await openTestRegistry();
  await using following = follow(logOf(registry));
  await following.next();
  const [ended] = await Promise.all([following.ended(), registry.opened[Symbol.asyncDispose]()]);
  expect(ended).toBe(true);
});

const places: readonly (readonly [
  string,
  () => Promise<{ databaseUrl?: string } & AsyncDisposable>,
])[] = [
  ['one registry', async () => ({ [Symbol.asyncDispose]: async () => {} })],
  [
    'another registry',
    async () => {
      const database = await openOnServer(url ?? '');
      return {
        databaseUrl: database.url,
        [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
      };
    },
  ],
];

describe('what is appended', () => {
  for (const [name, openPlace] of places) {
    test.skipIf(name !== 'one registry' && !url)(`is told at once, by ${name}`, async () => {
      await using place = await openPlace();
      const config = place.databaseUrl ? { databaseUrl: place.databaseUrl } : {};
      await using registry = await openTestRegistry(config);
      await using second = place.databaseUrl ? await openTestRegistry(config) : undefined;
      const client = logOf(registry);
      await using one = follow(logOf(second ?? registry));
      await using two = follow(logOf(second ?? registry));
      await using three = follow(logOf(second ?? registry));
      const followers = [one, two, three];
      await Promise.all(followers.map((follower) => follower.next()));
      const tookMs: number[] = [];
      for (let at = 0; at < 15; at += 1) {
        const heard = followers.map((follower) => follower.ids(1));
        await client.appendEvents(requestOf([`${at}`]));
        const began = performance.now();
        expect(await Promise.all(heard)).toEqual([[`${at}`], [`${at}`], [`${at}`]]);
        tookMs.push(performance.now() - began);
      }
      // Who only looked now and then would take half a second.
      expect(tookMs.sort((a, b) => a - b)[7]).toBeLessThan(100);
    });
  }
});
