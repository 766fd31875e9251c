import { fromBinary } from '@bufbuild/protobuf';
import { FetchContextRequestSchema } from '@weir/sdk/gen/weir/router/v1/router_pb';
import { expect, test } from 'vitest';
import { createRandom, createZipf } from './run/random.ts';
import { scenarioOf, scenarios } from './scenarios.ts';
import { trafficOf } from './traffic.ts';
import { freshDigits, freshKey, itemType, warmKey } from './values.ts';

test('rank n is drawn about 1/n as often as the first', () => {
  const ranks = 1_000;
  const draws = 400_000;
  const draw = createZipf(ranks, createRandom(7));
  const counts = new Array<number>(ranks).fill(0);
  for (let i = 0; i < draws; i += 1) {
    const rank = draw();
    counts[rank] = (counts[rank] ?? 0) + 1;
  }
  const harmonic = counts.reduce((sum, _, rank) => sum + 1 / (rank + 1), 0);
  for (const rank of [0, 1, 2, 9, 49]) {
    const expected = draws / (rank + 1) / harmonic;
    expect(Math.abs((counts[rank] ?? 0) / expected - 1)).toBeLessThan(0.1);
  }
  const last = counts.slice(ranks / 2).reduce((sum, count) => sum + count, 0);
  expect(last / draws).toBeCloseTo(Math.log(2) / harmonic, 2);
});

test('the same seed gives the same traffic, another one another', () => {
  const scenario = scenarioOf('batch32-warm');
  expect(trafficOf(scenario, [[]], 1)).toEqual(trafficOf(scenario, [[]], 1));
  expect(trafficOf(scenario, [[]], 1)).not.toEqual(trafficOf(scenario, [[]], 2));
});

test.each(scenarios)('$name: each body is a batch of different keys that are there', (scenario) => {
  const known = new Set<string>();
  for (let i = 0; i < Math.min(scenario.keys, 10_000); i += 1) known.add(warmKey(i));
  const { bodies, results } = trafficOf(scenario, [[]], 3);
  expect(results).toBe(scenario.refs);
  for (const { bytes } of bodies.slice(0, 50)) {
    const { refs, purpose } = fromBinary(FetchContextRequestSchema, bytes);
    expect(purpose).toBe('support');
    expect(refs).toHaveLength(scenario.refs);
    expect(new Set(refs.map(({ key }) => key)).size).toBe(scenario.refs);
    expect(refs.every(({ type }) => type === itemType)).toBe(true);
    const warm = refs.slice(scenario.freshRefs).map(({ key }) => key);
    expect(warm.every((key) => /^warm-\d{12}$/.test(key) && key < warmKey(scenario.keys))).toBe(
      true,
    );
    if (scenario.keys <= 10_000) expect(warm.every((key) => known.has(key))).toBe(true);
  }
});

test('digits written where fresh keys begin make keys that nobody asked for', () => {
  const scenario = { ...scenarioOf('batch32-miss10'), freshRefs: 3 };
  const { bodies } = trafficOf(scenario, [[]], 5);
  let next = 41;
  for (const { bytes, freshAt } of bodies.slice(0, 50)) {
    expect(freshAt).toHaveLength(3);
    const first = next;
    for (const at of freshAt) {
      const digits = String(next).padStart(freshDigits, '0');
      Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).write(digits, at, 'latin1');
      next += 1;
    }
    const keys = fromBinary(FetchContextRequestSchema, bytes).refs.map(({ key }) => key);
    expect(keys.slice(0, 3)).toEqual([freshKey(first), freshKey(first + 1), freshKey(first + 2)]);
    expect(keys.slice(3).every((key) => key.startsWith('warm-'))).toBe(true);
  }
});
