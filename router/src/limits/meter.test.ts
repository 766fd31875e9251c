import { describe, expect, test } from 'vitest';
import { Meter, type Settled, type Terms } from './meter.ts';

const rate: Terms = { perMs: 0.1, capacity: 100, aheadMax: 40 };
const day: Terms = { perMs: 0, capacity: 1_000, aheadMax: 40 };
const inTouch = { insured: false, routers: 1 };
const alone = { insured: true, routers: 1 };
const ofFour = { insured: true, routers: 4 };

/** A pool with so much in it, that gives what it has. */
function createPool(left: number) {
  const pool = {
    left,
    born: 'a',
    settle(meter: Meter, nowMs: number): Settled | undefined {
      const settlement = meter.settlement();
      if (!settlement) return undefined;
      pool.left -= settlement.debt;
      const granted = Math.min(settlement.want, Math.max(0, pool.left));
      pool.left -= granted;
      const settled = { granted, left: pool.left, born: pool.born };
      meter.settle(settlement, settled, nowMs);
      return settled;
    },
  };
  return pool;
}

describe('in touch with the pool', () => {
  test('the first call is let through before anything is leased, and settled after it', () => {
    const meter = new Meter('m', rate);
    const pool = createPool(100);
    expect(meter.room(0, inTouch)).toBe(40);
    meter.take(30);
    expect(meter.room(0, inTouch)).toBe(10);
    pool.settle(meter, 0);
    // 30 were used and 60 are leased: twice what was used.
    expect(pool.left).toBe(10);
    expect(meter.room(0, inTouch)).toBe(70);
  });

  test('nothing is let through beyond the lease once the pool is known to be empty', () => {
    const meter = new Meter('m', rate);
    const pool = createPool(0);
    meter.take(40);
    pool.settle(meter, 0);
    expect(pool.left).toBe(-40);
    expect(meter.room(0, inTouch)).toBe(0);
    meter.take(0);
    // What comes back is known to come back.
    expect(meter.room(100, inTouch)).toBe(0);
    expect(meter.room(500, inTouch)).toBe(10);
    expect(meter.delayMs(20, 500, inTouch)).toBe(100);
  });

  test('what is used while a settlement is under way is kept', () => {
    const meter = new Meter('m', rate);
    meter.take(10);
    const settlement = meter.settlement();
    meter.take(5);
    if (settlement) meter.settle(settlement, { granted: 20, left: 50, born: 'a' }, 0);
    expect(meter.room(0, inTouch)).toBe(15 + 40);
  });

  test('what is leased and not used goes back', () => {
    const meter = new Meter('m', rate);
    const pool = createPool(100);
    meter.take(10);
    while (pool.settle(meter, 0)) {}
    expect(pool.left).toBe(90);
    expect(meter.settlement()).toBeUndefined();
  });

  test('a batch larger than the lease is leased for when it was wanted', () => {
    const meter = new Meter('m', { ...rate, aheadMax: 5 });
    const pool = createPool(100);
    meter.take(1);
    pool.settle(meter, 0);
    expect(meter.room(0, inTouch)).toBeLessThan(80);
    meter.want(80);
    pool.settle(meter, 0);
    expect(meter.room(0, inTouch)).toBeGreaterThanOrEqual(80);
  });
});

describe('out of touch', () => {
  test('a router goes by its share of the rate, and by one batch at once', () => {
    const meter = new Meter('m', rate);
    expect(meter.room(0, ofFour)).toBe(40);
    meter.take(40);
    expect(meter.room(0, ofFour)).toBe(0);
    expect(meter.room(1_000, ofFour)).toBe(25);
    expect(meter.room(60_000, ofFour)).toBe(40);
    expect(meter.delayMs(60, 60_000, ofFour)).toBe(800);
  });

  test('alone it goes by all of it', () => {
    const meter = new Meter('m', rate);
    meter.take(meter.room(0, alone));
    expect(meter.room(500, alone)).toBe(50);
  });

  test('what it let through alone is not leased, when the pool is back', () => {
    const meter = new Meter('m', rate);
    const pool = createPool(0);
    expect(meter.room(0, ofFour)).toBe(40);
    meter.take(10);
    pool.settle(meter, 0);
    expect(meter.room(0, inTouch)).toBe(0);
  });

  test('of a day it goes by its share of what was left, and pays when the pool is back', () => {
    const meter = new Meter('m', day);
    const pool = createPool(240);
    meter.take(40);
    pool.settle(meter, 0);
    const had = meter.room(0, inTouch) - 40;
    expect(pool.left).toBe(200 - had);
    expect(meter.room(0, ofFour)).toBe(had + pool.left / 4);
    meter.take(had + 30);
    pool.settle(meter, 0);
    expect(pool.left).toBeLessThanOrEqual(200 - had - 30);
  });
});

test('a day of which the pool was lost is not begun anew', () => {
  const meter = new Meter('m', day);
  const pool = createPool(1_000);
  meter.take(500);
  pool.settle(meter, 0);
  const taken = 1_000 - pool.left;
  Object.assign(pool, { left: 1_000, born: 'b' });
  for (const _ of [1, 2]) {
    meter.take(1);
    pool.settle(meter, 0);
  }
  expect(pool.left).toBeLessThanOrEqual(1_000 - taken);
});

test('a rate of which the pool was lost begins anew: it comes back by itself', () => {
  const meter = new Meter('m', rate);
  const pool = createPool(100);
  meter.take(40);
  pool.settle(meter, 0);
  Object.assign(pool, { left: 100, born: 'b' });
  meter.take(1);
  pool.settle(meter, 0);
  meter.take(1);
  pool.settle(meter, 0);
  expect(pool.left).toBeGreaterThan(50);
});

test('other terms are gone by at once', () => {
  const meter = new Meter('m', rate);
  createPool(100).settle(meter, 0);
  meter.change({ perMs: 0.001, capacity: 1, aheadMax: 1 });
  expect(meter.room(0, inTouch)).toBeLessThanOrEqual(2);
});
