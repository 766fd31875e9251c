import { Code, ConnectError } from '@connectrpc/connect';
import { reasonOf } from '@weir/kit';
import { hasRedisServer, openTestRedis } from '@weir/kit/testing/redis-server';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { Start } from '@weir/sdk/gen/weir/events/v1/events_pb';
import { describe, expect, test } from 'vitest';
import { eventsOf, keysOf, take } from './event-clients.ts';
import { openTestWeir, until } from './weir.ts';

// What callers notice when the Redis that keeps the events crashes.

async function openWorld(settings: readonly string[]) {
  await using stack = new AsyncDisposableStack();
  const redis = stack.use(await openTestRedis(settings));
  const env = { WEIR_EVENTS_LOG: 'redis', WEIR_EVENTS_REDIS_URL: redis.url };
  const { weir, client } = stack.use(await openTestWeir(env));
  const events = eventsOf(weir.url, weir.key);
  const subscription = events.subscribe({ topics: ['*'] })[Symbol.asyncIterator]();
  const first = await subscription.next();
  const owned = stack.move();
  return {
    ...{ redis, client, events, subscription, cursor: first.value?.cursor ?? '' },
    async crash() {
      await redis.kill();
      await redis.start();
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

describe.skipIf(!hasRedisServer)('events in a Redis that crashes (needs a redis-server)', () => {
  test('are all there when it writes before it acknowledges, for who followed too', async () => {
    await using world = await openWorld(['--appendonly', 'yes', '--appendfsync', 'always']);
    const { client, events, subscription } = world;
    const first = await client.publish('page.updated', { key: 'a' });
    const told = await subscription.next();
    expect(keysOf(told.value?.events ?? [])).toEqual(['a']);
    // As the SDK's does: it goes on from its last cursor, and asks again until it may.
    const seen: (string | undefined)[] = [];
    const stop = new AbortController();
    const following = (async () => {
      const options = { cursor: world.cursor, signal: stop.signal };
      for await (const one of client.subscribe('*', options)) seen.push(one.key);
    })().catch((error: unknown) => error);
    await until(() => seen.length === 1, 'it follows', 60_000);
    const group = { group: 'workers', topics: ['*'], start: Start.EARLIEST };
    const [pulled] = (await events.pull(group)).events;
    await world.crash();
    await client.publish('page.updated', { key: 'b' });
    await client.publish('page.updated', { key: 'c' });
    await until(() => seen.length === 3, 'it went on', 60_000);
    expect(seen).toEqual(['a', 'b', 'c']);
    stop.abort();
    await following;
    // Cursors, leases and tokens of before hold.
    const ackIds = [pulled?.ackId ?? ''];
    expect(await events.ack({ group: 'workers', ackIds })).toMatchObject({ notHeld: [] });
    const others = (await events.pull(group)).events;
    expect(others.map(({ event }) => event?.event?.key)).toEqual(['b', 'c']);
    const rest = await take(
      events.subscribe({ topics: ['*'], cursor: told.value?.cursor ?? '' }),
      2,
    );
    expect(keysOf(rest.events)).toEqual(['b', 'c']);
    const { consistencyToken } = first;
    const [fetched] = await client.fetch(['DocChunk/none.md'], { consistencyToken });
    expect(fetched?.ok).toBe(false);
  });

  test('are another log when it keeps nothing, and nobody goes on in it', async () => {
    await using world = await openWorld(['--appendonly', 'no']);
    const { client, events, subscription } = world;
    const { consistencyToken } = await client.publish('page.updated', { key: 'a' });
    const { value } = await subscription.next();
    await world.crash();
    const refusalOf = (promise: Promise<unknown>) =>
      promise.then(
        () => 'nothing was refused',
        (error: unknown) => [ConnectError.from(error).code, reasonOf(error)],
      );
    const ended = async () => {
      for (;;) if ((await subscription.next()).done) return;
    };
    expect([
      [Code.OutOfRange, Reason.CURSOR_TOO_OLD],
      [Code.Unavailable, Reason.EVENTS_UNAVAILABLE],
    ]).toContainEqual(await refusalOf(ended()));
    await client.publish('page.updated', { key: 'b' });
    await client.publish('page.updated', { key: 'c' });
    const again = take(events.subscribe({ topics: ['*'], cursor: value?.cursor ?? '' }), 1);
    expect(await refusalOf(again)).toEqual([Code.OutOfRange, Reason.CURSOR_TOO_OLD]);
    const refs = [{ type: 'DocChunk', key: 'a.md' }];
    const fetched = client.router.fetchContext({ refs, consistencyToken });
    await expect(fetched).rejects.toMatchObject({ reason: Reason.INVALID_CONSISTENCY_TOKEN });
  });
});
