import { availableParallelism } from 'node:os';
import { expect, test } from 'vitest';
import { choosePins, coresOf, machineOf } from './machine.ts';

test('cores are read from a list', () => {
  expect(coresOf('0-3,8')).toEqual([0, 1, 2, 3, 8]);
  expect(coresOf('5')).toEqual([5]);
});

test('who is measured shares its core with nobody', () => {
  const pins = choosePins();
  const { cores, pinned } = machineOf(pins);
  expect(cores).toBe(availableParallelism());
  if (!pinned) return expect(pins).toEqual({ subject: undefined, others: undefined });
  expect(coresOf(pins.others ?? '')).not.toContain(Number(pins.subject));
});
