import { expect, test } from 'vitest';
import { isBeyond } from './loads.ts';

test.each([
  ['a rate that it can do', { kind: 'fixed', rate: 500 }, 1_000, false],
  ['a rate far beyond what it can', { kind: 'fixed', rate: 500 }, 1, true],
  ['a rate, before anything is known', { kind: 'fixed', rate: 500 }, undefined, false],
  ['a half of nothing', { kind: 'half' }, 0, true],
  ['many times nothing', { kind: 'times', times: 4 }, 0, true],
  ['a half', { kind: 'half' }, 1, false],
] as const)('%s is sent, or left out', (_, plan, saturation, isLeftOut) => {
  expect(isBeyond(plan, saturation)).toBe(isLeftOut);
});
