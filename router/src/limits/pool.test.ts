import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { createLogger, systemClock } from '@weir/kit';
import { openTcpLink } from '@weir/kit/testing/tcp-link';
import { LimitsSchema } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testCaller as callerOf } from '../../test/entries.ts';
import { type Limits, openLimits } from './limits.ts';
import { openRedisPool } from './pool.ts';
import type { LimitsView } from './subjects.ts';

// Several routers' limits over a real Redis. What they let through is counted against the bound
// that docs/limits.md states.

const serverUrl = process.env.WEIR_TEST_REDIS_URL;
const testCaller = callerOf();
const log = createLogger({ name: 'test', level: 'silent' });
const ROUTERS = 4;
const RATE = 500;
/** How far each router may go beyond its lease; the least burst. */
const AHEAD = 256;

describe.skipIf(!serverUrl)('limits that routers share', () => {
  const url = serverUrl ?? '';
  let redis: Redis;

  beforeAll(() => {
    redis = new Redis(url);
  });

  afterAll(() => redis.quit());

  /** A tenant of its own, with limits. */
  function someone(given: object): { caller: typeof testCaller; view: LimitsView; keys: string } {
    const tenant = `t${randomUUID()}`;
    const limits = create(LimitsSchema, given);
    return {
      caller: { ...testCaller, tenant },
      view: { tenant: { limits }, principals: new Map(), consumers: new Map() },
      keys: `weir:limits:1:${tenant}/*`,
    };
  }

  async function openRouters(stack: AsyncDisposableStack, at: readonly (string | undefined)[]) {
    return at.map((one) => {
      const pool = one === undefined ? undefined : openRedisPool({ url: one });
      return stack.use(openLimits({ clock: systemClock, log, pool }));
    });
  }

  /** Asks for more than there is, through all routers, for a time. */
  async function hammer(routers: readonly Limits[], by: ReturnType<typeof someone>, forMs: number) {
    const startMs = performance.now();
    const counted = { taken: 0, refused: 0, ms: 0 };
    while (performance.now() - startMs < forMs) {
      for (const [i, limits] of routers.entries()) {
        const items = 1 + ((counted.taken + counted.refused + i) % 16);
        if (limits.take(by.caller, by.view, items)) counted.refused += 1;
        else counted.taken += items;
      }
      await setTimeout(1);
    }
    counted.ms = performance.now() - startMs;
    return counted;
  }

  /** The bound of docs/limits.md: burst, rate, and what each router may go ahead by. */
  const boundOf = (ms: number) => RATE + (RATE * ms) / 1_000 + ROUTERS * AHEAD;

  test('let no more through than is stated', async () => {
    await using stack = new AsyncDisposableStack();
    const routers = await openRouters(stack, Array(ROUTERS).fill(url));
    const counted = await hammer(routers, someone({ itemsPerSecond: RATE }), 2_000);
    expect(counted.taken).toBeLessThanOrEqual(boundOf(counted.ms));
    expect(counted.taken).toBeGreaterThan(RATE);
    expect(counted.refused).toBeGreaterThan(0);
  });

  test('and routers that share nothing are found out by the same count', async () => {
    await using stack = new AsyncDisposableStack();
    const routers = await openRouters(stack, Array(ROUTERS).fill(undefined));
    const counted = await hammer(routers, someone({ itemsPerSecond: RATE }), 1_500);
    expect(counted.taken).toBeGreaterThan(boundOf(counted.ms));
  });

  test('keep what they owe: in the long run the rate is the rate', async () => {
    await using stack = new AsyncDisposableStack();
    const routers = await openRouters(stack, Array(ROUTERS).fill(url));
    const by = someone({ itemsPerSecond: RATE });
    await hammer(routers, by, 1_500);
    const { taken, ms } = await hammer(routers, by, 1_500);
    // The burst is gone, and so is what they went ahead by.
    expect(taken).toBeLessThanOrEqual((RATE * ms) / 1_000 + ROUTERS * AHEAD);
    expect(taken).toBeGreaterThan(0);
  });

  test('of a day are kept over a restart of the routers', async () => {
    const by = someone({ itemsPerDay: 2_000n });
    let taken = 0;
    for (let start = 0; start < 3; start++) {
      await using stack = new AsyncDisposableStack();
      const routers = await openRouters(stack, [url, url]);
      // A router that has not heard of the pool yet goes ahead of it.
      await setTimeout(50);
      taken += (await hammer(routers, by, 600)).taken;
    }
    expect(taken).toBeGreaterThan(1_900);
    expect(taken).toBeLessThanOrEqual(2_000 + 6 * AHEAD);
  });

  test('of a day are not begun anew when Redis has lost them', async () => {
    await using stack = new AsyncDisposableStack();
    const routers = await openRouters(stack, [url, url]);
    const by = someone({ itemsPerDay: 2_000n });
    const before = await hammer(routers, by, 600);
    const lost = await redis.keys(by.keys);
    expect(lost.length).toBeGreaterThan(0);
    await redis.del(...lost);
    const after = await hammer(routers, by, 600);
    expect(before.taken + after.taken).toBeLessThanOrEqual(2_000 + 6 * AHEAD);
  });

  test.each([
    ['gone', (link: { cut(): void }) => link.cut()],
    ['hanging', (link: { hang(): void }) => link.hang()],
  ])('fall back to a share each when Redis is %s, never to none', async (_, fail) => {
    await using stack = new AsyncDisposableStack();
    const link = stack.use(await openTcpLink(url));
    const routers = await openRouters(stack, Array(ROUTERS).fill(link.url));
    const by = someone({ itemsPerSecond: RATE });
    await hammer(routers, by, 500);
    fail(link);
    const away = await hammer(routers, by, 1_500);
    expect(away.taken).toBeLessThanOrEqual(boundOf(away.ms));
    expect(away.taken).toBeGreaterThan(RATE);
    expect(away.refused).toBeGreaterThan(0);
    link.mend();
    const back = await hammer(routers, by, 1_500);
    expect(back.taken).toBeLessThanOrEqual(boundOf(back.ms));
    expect(await redis.exists(`${by.keys.slice(0, -1)}tenant//items_per_second`)).toBe(1);
  });

  test.each([
    ['another kind of value', (key: string) => redis.set(key, 'x')],
    ['no numbers', (key: string) => redis.hset(key, { left: 'nan', ms: 'now', born: '' })],
    ['a debt without end', (key: string) => redis.hset(key, { left: '-inf', ms: '1', born: '1' })],
    [
      'riches without end',
      (key: string) => redis.hset(key, { left: 'inf', ms: '-inf', born: '1' }),
    ],
  ])('go on when Redis holds %s', async (_, plant) => {
    await using stack = new AsyncDisposableStack();
    const routers = await openRouters(stack, Array(ROUTERS).fill(url));
    const by = someone({ itemsPerSecond: RATE });
    const key = `${by.keys.slice(0, -1)}tenant//items_per_second`;
    await redis.del(key);
    await plant(key);
    const counted = await hammer(routers, by, 1_000);
    expect(counted.taken).toBeLessThanOrEqual(boundOf(counted.ms));
    expect(counted.refused).toBeGreaterThan(0);
  });

  test('know how many they are', async () => {
    await using stack = new AsyncDisposableStack();
    const pools = Array.from({ length: 3 }, () => stack.use(openRedisPool({ url })));
    for (const pool of pools) await pool.settle([]);
    const { routers } = await (pools[0]?.settle([]) ?? Promise.reject(new Error('no pool')));
    expect(routers).toBeGreaterThanOrEqual(3);
  });
});
