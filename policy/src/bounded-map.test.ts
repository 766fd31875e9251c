import { expect, test } from 'vitest';
import { createBoundedMap } from './bounded-map.ts';

test('what is used stays, and what is not goes', () => {
  const map = createBoundedMap<number, string>(10);
  map.set(-1, 'used');
  map.set(-2, 'forgotten');
  for (let index = 0; index < 100; index += 1) {
    map.set(index, String(index));
    expect(map.get(-1)).toBe('used');
  }
  expect(map.get(-2)).toBeUndefined();
  for (let index = 91; index < 100; index += 1) expect(map.get(index)).toBe(String(index));
});
