import { describe, expect, test } from 'vitest';
import { mismatches } from './match.ts';
import { readScenarios } from './scenario.ts';

describe('what is expected', () => {
  test.each([
    ['a part of an object', { a: 1 }, { a: 1, b: 2 }],
    ['a whole array', [{ a: 1 }, 2], [{ a: 1, b: 2 }, 2]],
    [
      'so many elements, each alike',
      { $count: 2, $each: { ok: true } },
      [{ ok: true }, { ok: true }],
    ],
    ['a text of a form', { $like: '^a+$' }, 'aaa'],
    ['a text of another form', { $unlike: 'secret' }, 'nothing'],
    ['less than a number', { $below: 5 }, 4],
    ['nothing', { x: { $absent: true } }, {}],
  ])('%s fits', (_, expected, actual) => {
    expect(mismatches(expected, actual)).toEqual([]);
  });

  test.each([
    ['another value', { a: 1 }, { a: 2 }, 'it.a is 2, not 1'],
    ['another type', { a: 1 }, { a: '1' }, 'it.a is "1", not 1'],
    ['what is not there', { a: 1 }, {}, 'it.a is not there, not 1'],
    ['a longer array', [1], [1, 2], 'it has 2 elements, not 1'],
    ['an array that is none', [1], {}, 'it is {}, not [1]'],
    ['too few elements', { $count: 2 }, [1], 'it has 1 elements, not 2'],
    [
      'one element that is not alike',
      { $each: { a: 1 } },
      [{ a: 1 }, {}],
      'it[1].a is not there, not 1',
    ],
    ['a text of another form', { $like: '^a$' }, 'b', 'it is "b", not {"$like":"^a$"}'],
    [
      'what should not be there',
      { x: { $absent: true } },
      { x: 1 },
      'it.x is 1, not {"$absent":true}',
    ],
    ['nothing for no form', { $unlike: 'x' }, 'x', 'it is "x", not {"$unlike":"x"}'],
  ])('%s does not', (_, expected, actual, fault) => {
    expect(mismatches(expected, actual)).toEqual([fault]);
  });

  test('nobody knows what is expected by another word', () => {
    expect(() => mismatches({ $soon: 1 }, 1)).toThrow('$soon is nothing to expect');
  });
});

test('the scenarios can be read', () => {
  expect(readScenarios().length).toBeGreaterThan(40);
});
