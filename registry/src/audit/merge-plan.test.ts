import { describe, expect, test } from 'vitest';
import { planMerge } from './merge-plan.ts';

const rows = (...sizes: number[]) => sizes.map((size) => ({ size, idle: false }));

describe('a plan to merge', () => {
  test('waits until there are enough small rows', () => {
    expect(planMerge(rows(), 1000)).toBeUndefined();
    expect(planMerge(rows(1, 1, 1, 1, 1, 1, 1), 1000)).toBeUndefined();
    expect(planMerge(rows(1, 1, 1, 1, 1, 1, 1, 1), 1000)).toEqual({
      start: 0,
      end: 8,
      settled: false,
    });
  });

  test('leaves a large row alone while few small ones have come after it', () => {
    const few = rows(400, 1, 1, 1, 1, 1, 1, 1, 1);
    expect(planMerge(few, 1000)).toEqual({ start: 1, end: 9, settled: false });
  });

  test('settles what is full', () => {
    expect(planMerge(rows(750), 1000)).toEqual({ start: 0, end: 1, settled: true });
    expect(planMerge(rows(400, 300, 200, 5), 1000)).toEqual({ start: 0, end: 3, settled: true });
    expect(planMerge(rows(600, 600), 1000)).toEqual({ start: 0, end: 1, settled: true });
    expect(planMerge(rows(5000, 1), 1000)).toEqual({ start: 0, end: 1, settled: true });
  });

  test('settles what nothing comes to any more', () => {
    const idle = rows(1, 2, 3).map((row) => ({ ...row, idle: true }));
    expect(planMerge(idle, 1000)).toEqual({ start: 0, end: 3, settled: true });
  });

  test('writes each byte a few times only, however small what comes is', () => {
    let held: number[] = [];
    let written = 0;
    let settled = 0;
    for (let batch = 0; batch < 20_000; batch += 1) {
      held.push(10);
      for (let plan = planMerge(rows(...held), 10_000); plan; ) {
        const size = held.slice(plan.start, plan.end).reduce((sum, one) => sum + one, 0);
        if (plan.end - plan.start > 1) written += size;
        if (plan.settled) settled += size;
        held = [
          ...held.slice(0, plan.start),
          ...(plan.settled ? [] : [size]),
          ...held.slice(plan.end),
        ];
        plan = planMerge(rows(...held), 10_000);
      }
      expect(held.length).toBeLessThan(40);
    }
    expect(settled + held.reduce((sum, one) => sum + one, 0)).toBe(200_000);
    expect(written / 200_000).toBeLessThan(8);
  });
});
