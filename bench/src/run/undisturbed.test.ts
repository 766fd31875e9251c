import { expect, test } from 'vitest';
import { againMax, undisturbed } from './undisturbed.ts';

/** Measures one reading after the other; `result` is what must not matter. */
function readings(...foreign: number[]) {
  let at = 0;
  return {
    taken: () => at,
    measure: async () => ({ foreignCpuShare: foreign[at] ?? 0, result: 100 - at++ }),
  };
}

test('a quiet measurement counts at once', async () => {
  const { measure, taken } = readings(0.15);
  expect(await undisturbed(measure, { againMax })).toEqual({
    foreignCpuShare: 0.15,
    result: 100,
    disturbed: 0,
  });
  expect(taken()).toBe(1);
});

test('the first quiet one counts, though a disturbed one had a better result', async () => {
  const told: number[] = [];
  const { measure } = readings(0.4, 0.16, 0.02);
  const measured = await undisturbed(measure, {
    againMax,
    onDisturbed: ({ foreignCpuShare }) => told.push(foreignCpuShare),
  });
  expect(measured).toEqual({ foreignCpuShare: 0.02, result: 98, disturbed: 2 });
  expect(told).toEqual([0.4, 0.16]);
});

test('when all are disturbed the last one counts, not the least disturbed', async () => {
  const { measure, taken } = readings(0.9, 0.2, 0.3, 0.8, 0.01);
  expect(await undisturbed(measure, { againMax })).toEqual({
    foreignCpuShare: 0.8,
    result: 97,
    disturbed: againMax,
  });
  expect(taken()).toBe(againMax + 1);
});

test('where only errors matter nothing is measured again', async () => {
  const { measure, taken } = readings(0.9, 0.01);
  expect(await undisturbed(measure, { againMax: 0 })).toMatchObject({ result: 100, disturbed: 0 });
  expect(taken()).toBe(1);
});
