import { expect, test } from 'vitest';
import { createTestClock } from '../../test/answering.ts';
import { createRetryBudget, EXTRA_MIN } from './retry-budget.ts';

/** How many of so many wishes are granted. */
function granted(budget: { take(): boolean }, wishes: number): number {
  return Array.from({ length: wishes }, () => budget.take()).filter(Boolean).length;
}

test('a fifth of the calls may be made again, and a few in any case', () => {
  const budget = createRetryBudget(createTestClock());
  budget.called();
  expect(granted(budget, 50)).toBe(EXTRA_MIN);
  for (let i = 0; i < 99; i++) budget.called();
  expect(granted(budget, 50)).toBe(20 - EXTRA_MIN);
});

test('what lies ten seconds back no longer counts', () => {
  const clock = createTestClock();
  const budget = createRetryBudget(clock);
  for (let i = 0; i < 100; i++) budget.called();
  expect(granted(budget, 50)).toBe(20);
  clock.advance(5_000);
  for (let i = 0; i < 50; i++) budget.called();
  expect(granted(budget, 50)).toBe(10);
  clock.advance(6_000);
  expect(granted(budget, 50)).toBe(0);
  clock.advance(60_000);
  expect(granted(budget, 50)).toBe(EXTRA_MIN);
});
