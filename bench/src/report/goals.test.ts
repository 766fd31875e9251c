import { expect, test } from 'vitest';
import type { GoalResult } from '../model.ts';
import { scenarioOf } from '../scenarios.ts';
import { type Made, makeResults } from './results.fixture.ts';

const goals = (...made: Made[]) => makeResults(made).goals;
const named = (all: readonly GoalResult[], name: string) => all.find((one) => one.name === name);

test('goals without results are left out', () => {
  expect(goals()).toEqual([]);
  expect(goals({ name: 'single-warm', subject: 'weir' })).toEqual([]);
});

test.each([
  [600, true],
  [599, false],
])('a single item at %i calls a second of 1,000: %s', (calls, held) => {
  const found = goals(
    { name: 'single-warm', subject: 'weir', callsPerSecond: [calls] },
    { name: 'single-warm', subject: 'node-http2', callsPerSecond: [1_000] },
  );
  expect(found.map((one) => [one.name, one.held])).toEqual([
    ['single-warm.callsPerSecond.vs.node-http2', held],
  ]);
});

test('the headline is about the worst repetition of any open loop', () => {
  const half: Made = { subject: 'weir', plan: 'half', p99Ms: [3, 4, 5] };
  expect(named(goals(half), 'headline')).toMatchObject({
    measured: '5.00 ms in the worst of 3 repetitions',
    held: true,
  });
  const fixed: Made = { subject: 'weir', plan: 'fixed', p99Ms: [2, 51, 2] };
  expect(named(goals(half, fixed), 'headline')?.held).toBe(false);
  // As many as are answered is no open loop: latency there is what the concurrency makes it.
  const closed: Made = { subject: 'weir', plan: 'saturation', p99Ms: [80] };
  expect(named(goals(half, closed), 'headline')?.held).toBe(true);
});

test('the headline does not hold where calls failed, or none was answered', () => {
  const failed: Made = { subject: 'weir', plan: 'half', p99Ms: [3], override: { errors: 2 } };
  expect(named(goals(failed), 'headline')).toMatchObject({
    measured: '3.00 ms in one repetition, with 2 errors',
    held: false,
  });
  const silent: Made = { subject: 'weir', plan: 'half', callsPerSecond: [0] };
  expect(named(goals(silent), 'headline')?.held).toBe(false);
});

test.each([
  ['within 3 times', 6, 2.5, true],
  ['3 ms are enough', 2.9, 0.5, true],
  ['neither', 6, 1, false],
  ['10 ms are too much', 11, 10, false],
])('p99 at a fixed rate: %s', (_, ours, floor, held) => {
  const found = goals(
    { subject: 'weir', plan: 'fixed', p99Ms: [ours] },
    { subject: 'node-http2', plan: 'fixed', p99Ms: [floor] },
  );
  expect(named(found, 'batch32-warm.p99At500.vs.node-http2')?.held).toBe(held);
});

test.each([
  [500_000, 900_000, true],
  [300_000, 480_000, true],
  [300_000, 900_000, false],
])('128 items: %i a second beside %i of the floor: %s', (ours, floor, held) => {
  const of = (subject: Made['subject'], itemsPerSecond: number): Made => ({
    name: 'batch128-warm',
    ...{ subject, callsPerSecond: [itemsPerSecond / 128], override: { itemsPerSecond } },
  });
  const found = goals(of('weir', ours), of('node-http2', floor));
  expect(named(found, 'batch128-warm.itemsPerSecond')?.held).toBe(held);
});

test('memory of the great cache is all that is resident, by the bytes of the values', () => {
  const { keys, valueBytes } = scenarioOf('cache-1m');
  const cachedMb = (keys * valueBytes) / 1024 ** 2;
  const of = (factor: number) =>
    goals({ name: 'cache-1m', subject: 'weir', rssMb: [cachedMb * factor] });
  expect(named(of(1.59), 'cache-1m.rssMb')?.held).toBe(true);
  expect(named(of(1.61), 'cache-1m.rssMb')?.held).toBe(false);
});

test('overload: each of its three goals can be broken alone', () => {
  const under = (p99: number, rss: number, refusal: number) =>
    goals(
      { name: 'overload-4x', subject: 'weir', plan: 'half', p99Ms: [2], rssMb: [100] },
      {
        ...{ name: 'overload-4x', subject: 'weir', plan: 'times' },
        ...{ p99Ms: [p99], rssMb: [rss], refusalP99Ms: [refusal] },
      },
    ).map(({ held }) => held);
  expect(under(3, 140, 49)).toEqual([true, true, true]);
  expect(under(5, 140, 49)).toEqual([false, true, true]);
  expect(under(3, 140, 51)).toEqual([true, false, true]);
  expect(under(3, 160, 49)).toEqual([true, true, false]);
});
