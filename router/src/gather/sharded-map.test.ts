import { expect, test } from 'vitest';
import { ShardedMap } from './sharded-map.ts';

const KEYS = 60_000;

test.each([
  ['numbered', (i: number) => `key-${String(i).padStart(12, '0')}`],
  ['of one ending', (i: number) => `${i}/the/same/ending/summary`],
])('has what a Map has, over many shards: keys %s', (_, keyOf) => {
  const map = new ShardedMap<number>();
  const model = new Map<string, number>();
  let random = 7;
  for (let step = 0; step < 4 * KEYS; step++) {
    random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0;
    const key = keyOf(random % KEYS);
    if (step % 4 === 3) {
      map.delete(key);
      model.delete(key);
    } else {
      map.set(key, step);
      model.set(key, step);
    }
  }
  expect(map.size).toBe(model.size);
  const others = Array.from({ length: KEYS }, (_, i) => keyOf(i)).filter(
    (key) => map.get(key) !== model.get(key),
  );
  expect(others).toEqual([]);
});
