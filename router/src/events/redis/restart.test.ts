import { randomUUID } from 'node:crypto';
import { createLogger } from '@weir/kit';
import { hasRedisServer, openTestRedis } from '@weir/kit/testing/redis-server';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { Redis } from 'ioredis';
import { describe, expect, test, vi } from 'vitest';
import { lastShared } from '../event-log.ts';
import { appendingOf, followerOf, idsOf, refusalOf } from '../log-conformance.ts';
import { openRedisLog } from '../redis-log.ts';
import { openTails } from '../tails.ts';
import { createKeys, KEY_PREFIX } from './keys.ts';

// What is left of a log when its Redis crashes, by what that is set to. The Redis is our own.

const silent = createLogger({ name: 'test', level: 'silent' });
const never = new AbortController().signal;
const always = ['--appendonly', 'yes', '--appendfsync', 'always'];

async function openWorld(settings: readonly string[]) {
  await using stack = new AsyncDisposableStack();
  const server = stack.use(await openTestRedis(settings));
  const log = stack.use(openRedisLog({ url: server.url, log: silent }));
  const told: (string | undefined)[] = [];
  const tails = stack.use(
    openTails({
      ...{ events: log, log: silent },
      forgetting: { event: ({ event }) => void told.push(event?.id), begun() {} },
    }),
  );
  const tenant = randomUUID();
  const publish = (...ids: string[]) => log.append(appendingOf(tenant, ids), never);
  const restart = async () => {
    await server.kill();
    await server.start();
    // Until then the router has not reconnected.
    await vi.waitFor(() => log.state(tenant, never), { timeout: 20_000 });
  };
  const read = async (count: number, after = 0n) => {
    await using follower = followerOf(log, tenant, after);
    return idsOf(await follower.take(count));
  };
  const owned = stack.move();
  return {
    ...{ server, log, tails, told, tenant, publish, restart, read },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

describe.skipIf(!hasRedisServer)('a log in Redis (skipped without a redis-server)', () => {
  test('that writes before it acknowledges loses nothing when it is killed', async () => {
    await using world = await openWorld(always);
    const { log, tenant, tails, told } = world;
    const first = await world.publish('first');
    const tail = await tails.of(tenant, never);
    const acknowledged = new Map<string, bigint>();
    let isOver = false;
    const write = async (writer: number) => {
      for (let at = 0; !isOver; at++) {
        const id = `${writer}/${at}`;
        const keyed = appendingOf(tenant, [id], { idempotencyKey: id });
        // As the SDK does: again, under the same key, until it is acknowledged.
        const { position } = await vi.waitFor(() => log.append(keyed, never), { timeout: 20_000 });
        acknowledged.set(id, position);
      }
    };
    const writing = Promise.all([0, 1, 2, 3].map(write));
    for (const count of [50, 150]) {
      await vi.waitFor(() => expect(acknowledged.size).toBeGreaterThan(count), { timeout: 20_000 });
      await world.restart();
    }
    await vi.waitFor(() => expect(acknowledged.size).toBeGreaterThan(200), { timeout: 20_000 });
    isOver = true;
    await writing;

    const state = await log.state(tenant, never);
    expect(state.head).toBe(BigInt(acknowledged.size + 1));
    await using follower = followerOf(log, tenant, 1n);
    const found = await follower.take(acknowledged.size);
    expect(new Map(found.map(({ event, position }) => [event?.id, position]))).toEqual(
      acknowledged,
    );
    // Who followed went on where it was: all came once, in order, and a place of before is one of now.
    await tails.reach(tenant, { epoch: state.epoch, position: state.head }, never);
    expect(told).toEqual(idsOf(found));
    expect(state.epoch).not.toBe(first.epoch);
    expect(tail.goesOnFrom({ epoch: first.epoch, position: 1n })).toBe(true);
    await tails.reach(tenant, { epoch: first.epoch, position: 1n }, never);
  });

  test('that keeps nothing is another one afterwards; who goes on from before is refused', async () => {
    await using world = await openWorld(['--appendonly', 'no']);
    const { log, tenant, tails } = world;
    await world.publish('a');
    const { epoch } = await world.publish('b', 'c');
    const tail = await tails.of(tenant, never);
    await using follower = followerOf(log, tenant, 3n);
    await follower.next();
    await world.restart();
    await vi.waitFor(() => expect([tail.epoch, tail.head]).toEqual(['', 0n]), { timeout: 20_000 });
    expect(tail.goesOnFrom({ epoch, position: 3n })).toBe(false);
    const lost = tails.reach(tenant, { epoch, position: 3n }, never);
    expect(await refusalOf(lost)).toBe(Reason.INVALID_CONSISTENCY_TOKEN);
    const anew = await vi.waitFor(() => world.publish('d', 'e', 'f', 'g'), { timeout: 20_000 });
    expect(anew.position).toBe(4n);
    expect(lastShared(await log.state(tenant, never), epoch)).toBeUndefined();
    await vi.waitFor(() => expect(tail.head).toBe(4n), { timeout: 20_000 });
    expect(tail.goesOnFrom({ epoch, position: 1n })).toBe(false);
  });

  test('that was set back goes on as far as it was kept, and nobody goes on in what was lost', async () => {
    await using world = await openWorld(['--appendonly', 'no']);
    const { log, server, tenant, tails, told } = world;
    const { epoch } = await world.publish('a', 'b', 'c');
    const tail = await tails.of(tenant, never);
    const redis = new Redis(server.url);
    await redis.save();
    redis.disconnect();
    await world.publish('lost 4', 'lost 5');
    await using ahead = followerOf(log, tenant, 3n);
    expect(idsOf(await ahead.take(2))).toEqual(['lost 4', 'lost 5']);
    await vi.waitFor(() => expect(tail.head).toBe(5n), { timeout: 20_000 });
    // Who was on its way to the head when Redis was killed is refused, however far it has come since.
    const waiting = refusalOf(ahead.take(1_000));
    await server.kill();
    await server.start();
    await vi.waitFor(() => world.publish('d', 'e', 'f', 'g'), { timeout: 20_000 });
    expect([Reason.CURSOR_TOO_OLD, Reason.EVENTS_UNAVAILABLE]).toContain(await waiting);

    const state = await vi.waitFor(() => log.state(tenant, never), { timeout: 20_000 });
    expect([state.head, lastShared(state, epoch)]).toEqual([7n, 3n]);
    await tails.reach(tenant, { epoch: state.epoch, position: 7n }, never);
    expect(told).toEqual(['lost 4', 'lost 5', 'd', 'e', 'f', 'g']);
    expect(tail.goesOnFrom({ epoch, position: 3n })).toBe(true);
    for (const position of [4n, 5n, 7n]) {
      expect(tail.goesOnFrom({ epoch, position })).toBe(false);
    }
    expect(await world.read(4, 3n)).toEqual(['d', 'e', 'f', 'g']);
  });

  test('whose Redis was restarted often remembers so many epochs', async () => {
    await using world = await openWorld(always);
    const { log, server, tenant } = world;
    const { epoch } = await world.publish('a');
    const redis = new Redis(server.url);
    const [key] = createKeys(KEY_PREFIX).of(tenant).log;
    for (let at = 0; at < 70; at++) {
      await redis.hset(key, 'run', `another ${at}`);
      await world.publish(`${at}`);
    }
    redis.disconnect();
    const state = await log.state(tenant, never);
    expect([state.head, state.earlier?.length]).toEqual([71n, 65]);
    expect(lastShared(state, epoch)).toBeUndefined();
    expect(state.earlier?.[0]?.last).toBe(70n);
  });
});
