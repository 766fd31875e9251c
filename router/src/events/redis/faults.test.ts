import { randomUUID } from 'node:crypto';
import { createLogger, type Logger } from '@weir/kit';
import { hasRedisServer, openTestRedis } from '@weir/kit/testing/redis-server';
import { openTcpLink } from '@weir/kit/testing/tcp-link';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { Redis } from 'ioredis';
import { describe, expect, test, vi } from 'vitest';
import { appendingOf, followerOf, idsOf, refusalOf } from '../log-conformance.ts';
import { openRedisLog, type RedisLogOptions } from '../redis-log.ts';
import { keptDefaults } from './kept.ts';
import { createKeys, KEY_PREFIX } from './keys.ts';

// What Redis can refuse, forget and be set to, on a Redis of our own.

const silent = createLogger({ name: 'test', level: 'silent' });
const never = new AbortController().signal;
const keys = createKeys(KEY_PREFIX);
const patient = { timeout: 10_000 };

async function openWorld(options: Partial<RedisLogOptions> = {}) {
  await using stack = new AsyncDisposableStack();
  const server = stack.use(await openTestRedis());
  const link = stack.use(await openTcpLink(server.url));
  const redis = stack.adopt(new Redis(server.url), (open) => open.disconnect());
  const log = stack.use(openRedisLog({ url: link.url, log: silent, ...options }));
  const tenant = randomUUID();
  const publish = (...ids: string[]) => log.append(appendingOf(tenant, ids), never);
  const read = async (count: number, after = 0n) => {
    await using follower = followerOf(log, tenant, after);
    return idsOf(await follower.take(count));
  };
  const refused = async (after: bigint) => {
    await using follower = followerOf(log, tenant, after);
    return await refusalOf(follower.next());
  };
  const owned = stack.move();
  return {
    ...{ server, link, redis, log, tenant, publish, read, refused },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

describe.skipIf(!hasRedisServer)('a log in Redis (skipped without a redis-server)', () => {
  test('takes nothing while Redis has no room, and is read meanwhile', async () => {
    await using world = await openWorld();
    await world.publish('a');
    await world.redis.config('SET', 'maxmemory', '1');
    await expect(world.publish('b', 'c')).rejects.toMatchObject({
      reason: Reason.EVENTS_UNAVAILABLE,
      message: expect.stringContaining('these were not committed; publish them again'),
    });
    expect(await world.read(1)).toEqual(['a']);
    await world.redis.config('SET', 'maxmemory', '0');
    expect(await world.publish('d')).toMatchObject({ position: 2n });
    expect(await world.read(2)).toEqual(['a', 'd']);
  });

  test('takes nothing from a replica, and goes on when it is none any more', async () => {
    await using world = await openWorld();
    await world.publish('a');
    await world.redis.replicaof('127.0.0.1', 1);
    expect(await refusalOf(world.publish('b'))).toBe(Reason.EVENTS_UNAVAILABLE);
    await world.redis.call('REPLICAOF', 'NO', 'ONE');
    await vi.waitFor(() => world.publish('c'), patient);
    expect(await world.read(2)).toEqual(['a', 'c']);
  });

  test('goes on when Redis has forgotten its scripts', async () => {
    await using world = await openWorld();
    await world.publish('a');
    await world.redis.script('FLUSH');
    expect(await world.publish('b')).toMatchObject({ position: 2n });
    await world.redis.script('FLUSH');
    expect(await world.read(2)).toEqual(['a', 'b']);
  });

  test('is half written by nothing that lies in its keys', async () => {
    await using world = await openWorld();
    const all = [...keys.of(world.tenant).log, keys.tenants];
    for (const key of all) {
      await world.redis.flushall();
      await world.redis.set(key, 'garbage');
      expect([key, await refusalOf(world.publish('a'))]).toEqual([key, Reason.EVENTS_UNAVAILABLE]);
      expect(await world.redis.keys('*')).toEqual([key]);
      await world.redis.del(key);
      expect(await world.publish('b')).toMatchObject({ position: 1n });
    }
  });

  test('whose parts Redis has forgotten has no silent gap', async () => {
    await using world = await openWorld();
    const { epoch } = await world.publish('a', 'b');
    const [log, events] = keys.of(world.tenant).log;
    await world.redis.del(events);
    expect(await world.log.state(world.tenant, never)).toMatchObject({ first: 3n, head: 2n });
    expect(await world.refused(1n)).toBe(Reason.CURSOR_TOO_OLD);
    expect(await world.publish('c')).toMatchObject({ position: 3n, epoch });
    expect(await world.refused(0n)).toBe(Reason.CURSOR_TOO_OLD);
    expect(await world.read(1, 2n)).toEqual(['c']);
    await world.redis.xdel(events, '3-0');
    await world.publish('d');
    expect(await world.refused(2n)).toBe(Reason.CURSOR_TOO_OLD);

    await world.redis.del(log);
    const anew = await world.publish('e');
    expect(anew.position).toBe(1n);
    expect(anew.epoch).not.toBe(epoch);
    const { earlier } = await world.log.state(world.tenant, never);
    expect(earlier).toEqual([{ epoch: '', last: 0n }]);
  });

  test('says when it is not known whether events were committed', async () => {
    await using world = await openWorld();
    await world.publish('a');
    world.link.hang();
    const keyed = appendingOf(world.tenant, ['b'], { idempotencyKey: 'k' });
    await expect(world.log.append(keyed, never)).rejects.toMatchObject({
      reason: Reason.EVENTS_UNAVAILABLE,
      message: expect.stringContaining('whether these were committed is not known'),
    });
    world.link.mend();
    await vi.waitFor(() => world.log.append(keyed, never), { timeout: 20_000 });
    expect(await world.read(2)).toEqual(['a', 'b']);
    expect(await world.log.state(world.tenant, never)).toMatchObject({ head: 2n });
  });

  test('keeps so many bytes, and so long', async () => {
    const bytes = 2_000;
    await using world = await openWorld({ kept: { ...keptDefaults, bytes } });
    for (let at = 0; at < 100; at++) await world.publish(`${at}`);
    const { first, head } = await world.log.state(world.tenant, never);
    expect(head).toBe(100n);
    const left = Number(head - first) + 1;
    expect(left).toBeGreaterThan(10);
    expect(left).toBeLessThan(100);
    expect(await world.redis.xlen(keys.of(world.tenant).log[1])).toBe(left);
    expect(await world.refused(first - 2n)).toBe(Reason.CURSOR_TOO_OLD);
    expect((await world.read(left, first - 1n)).length).toBe(left);

    await using brief = openRedisLog({
      ...{ url: world.server.url, log: silent },
      kept: { ...keptDefaults, ms: 1 },
    });
    await vi.waitFor(async () => {
      await brief.append(appendingOf(world.tenant, ['last']), never);
      const state = await world.log.state(world.tenant, never);
      expect(state.head - state.first).toBeLessThan(3n);
    }, patient);
  });

  test('knows publications for a time, and so many; and so many groups', async () => {
    const kept = { ...keptDefaults, publications: 3, groups: 2 };
    await using world = await openWorld({ kept });
    const keyed = (idempotencyKey: string) => appendingOf(world.tenant, ['a'], { idempotencyKey });
    for (const key of ['1', '2', '3', '4']) await world.log.append(keyed(key), never);
    expect(await world.log.append(keyed('4'), never)).toMatchObject({ position: 4n });
    expect(await world.log.append(keyed('1'), never)).toMatchObject({ position: 5n });
    const [, , known, times] = keys.of(world.tenant).log;
    expect([await world.redis.hlen(known), await world.redis.zcard(times)]).toEqual([3, 3]);

    const url = world.server.url;
    await using brief = openRedisLog({ url, log: silent, kept: { ...kept, publicationsMs: 1 } });
    await vi.waitFor(async () => {
      expect((await brief.append(keyed('4'), never)).position).toBeGreaterThan(5n);
    }, patient);

    const write = (name: string) =>
      world.log.writeGroup(world.tenant, name, { state: new Uint8Array(), version: 0n }, never);
    expect([await write('a'), await write('b'), await write('a')]).toEqual([true, true, false]);
    expect(await refusalOf(write('c'))).toBe(Reason.TOO_MANY);
    await using soon = openRedisLog({ url, log: silent, kept: { ...kept, groupsMs: 1 } });
    const none = { state: new Uint8Array(), version: 0n };
    await vi.waitFor(async () => {
      expect(await soon.writeGroup(world.tenant, 'c', none, never)).toBe(true);
    }, patient);
    expect(await world.log.readGroup(world.tenant, 'a', never)).toMatchObject(none);
  });

  test('says what Redis promises, and takes nothing where that is too little', async () => {
    const lines: string[] = [];
    const say = (_: unknown, line?: string) => void lines.push(line ?? String(_));
    const log = { ...silent, info: say, warn: say, debug: () => {} } as unknown as Logger;
    const fsyncs: string[] = [];
    const observer = { up() {}, failed() {}, promises: (fsync: string) => void fsyncs.push(fsync) };
    await using world = await openWorld({ log, durable: true, observer });
    await vi.waitFor(() => expect(fsyncs).toEqual(['off']), patient);
    expect(lines.join()).toContain('Redis keeps events in memory alone');
    await expect(world.publish('a')).rejects.toMatchObject({
      reason: Reason.EVENTS_UNAVAILABLE,
      message: expect.stringContaining('does not write to its disk'),
    });
    await world.redis.config('SET', 'appendonly', 'yes');
    await world.redis.config('SET', 'maxmemory-policy', 'allkeys-lru');
    const again = async () => {
      world.link.cut();
      world.link.mend();
      const before = fsyncs.length;
      await vi.waitFor(() => expect(fsyncs.length).toBeGreaterThan(before), patient);
    };
    await again();
    expect(fsyncs.at(-1)).toBe('everysec');
    expect(lines.join()).toContain('the last second or two');
    expect(lines.join()).toContain('set its maxmemory-policy to noeviction');
    expect(await refusalOf(world.publish('a'))).toBe(Reason.EVENTS_UNAVAILABLE);
    await world.redis.config('SET', 'appendfsync', 'always');
    await again();
    expect(fsyncs.at(-1)).toBe('always');
    expect(await world.publish('a')).toMatchObject({ position: 1n });
  });

  test('needs no more rights than the guide says', async () => {
    await using world = await openWorld();
    const rights = ['~weir:events:*', '&weir:events:*', '+@all', '-config', '-@admin', '-keys'];
    await world.redis.call('ACL', 'SETUSER', 'weir', 'on', '>secret', ...rights);
    await world.redis.config('SET', 'appendonly', 'yes');
    const url = world.server.url.replace('//', '//weir:secret@');
    const fsyncs: string[] = [];
    const observer = { up() {}, failed() {}, promises: (fsync: string) => void fsyncs.push(fsync) };
    await using log = openRedisLog({ url, log: silent, observer });
    await log.append(appendingOf(world.tenant, ['a']), never);
    await using follower = followerOf(log, world.tenant);
    expect(idsOf(await follower.take(1))).toEqual(['a']);
    await vi.waitFor(() => expect(fsyncs).toEqual(['unknown']), patient);
  });
});
