import { expect, test } from 'vitest';
import type { Repetition } from '../model.ts';
import { scenarioOf } from '../scenarios.ts';
import { type MeasuredLoad, resultsOf } from './results.ts';
import { errorsButRefusals, turned } from './scenario.ts';

function repetition(number: number, more: Partial<Repetition>): Repetition {
  const latency = { p50Ms: 1, p90Ms: 2, p99Ms: 3, p999Ms: 4, maxMs: 5, meanMs: 1, count: 10 };
  return {
    repetition: number,
    ...{ sent: 10, ok: 10, errors: {}, checked: 1, durationMs: 1_000, callsPerSecond: 100 },
    latency: { ...latency, curve: [] },
    overTime: [],
    generator: { cpuShare: 0.5, sendLagP99Ms: 0.1, sendLagMaxMs: 0.2 },
    ...{ bytesRead: 1, freshNext: 0, cpuSeconds: 1, rssMb: 50, gcMs: 3, gcMaxMs: 1 },
    ...{ foreignCpuShare: 0.01, disturbed: 0 },
    ...more,
  };
}

const scenario = scenarioOf('batch32-warm');
const saturation = { kind: 'saturation', concurrency: 64 } as const;
const half = { kind: 'half' } as const;

function measured(
  subject: MeasuredLoad['subject'],
  number: number,
  [calls, p99Ms, errors]: [number, number, number?],
): MeasuredLoad[] {
  const latency = { ...repetition(1, {}).latency, p99Ms };
  return [
    {
      ...{ subject, plan: saturation, load: { kind: 'closed', concurrency: 64 } },
      repetition: repetition(number, { callsPerSecond: calls, errors: { lost: errors ?? 0 } }),
    },
    {
      ...{ subject, plan: half, load: { kind: 'open', rate: calls / 2 } },
      repetition: repetition(number, { callsPerSecond: calls / 2, latency }),
    },
  ];
}

test('results are medians over the repetitions, in the order of the scenario', () => {
  const all = [
    ...measured('node-http2', 1, [2_000, 1]),
    ...measured('weir', 1, [1_000, 9, 2]),
    ...measured('weir', 2, [5_000, 2, 1]),
    ...measured('node-http2', 2, [4_000, 3]),
    ...measured('weir', 3, [1_200, 4]),
    ...measured('node-http2', 3, [3_000, 2]),
  ];
  const results = resultsOf(scenario, all);
  expect(results.map(({ subject, load }) => `${subject} ${load.plan}`)).toEqual([
    'weir saturation',
    'weir half',
    'node-http2 saturation',
    'node-http2 half',
  ]);
  const [full, atHalf, , otherAtHalf] = results;
  expect(full).toMatchObject({ callsPerSecond: 1_200, itemsPerSecond: 38_400, errors: 3 });
  expect(full?.load).toEqual({ kind: 'closed', concurrency: 64, plan: 'saturation' });
  expect(full?.repetitions.map((one) => one.repetition)).toEqual([1, 2, 3]);
  expect(atHalf).toMatchObject({ p99Ms: 4, saturation: 1_200 });
  expect(atHalf?.load).toEqual({ kind: 'open', rate: 600, plan: 'half' });
  expect(otherAtHalf).toMatchObject({ p99Ms: 2, saturation: 3_000, errors: 0 });
});

test('collections are not known when one repetition does not tell of them', () => {
  const [first, second] = [1, 2].map((number) => measured('weir', number, [1, 1]));
  const silent = second?.map((one) => ({
    ...one,
    repetition: { ...one.repetition, gcMs: undefined },
  }));
  expect(resultsOf(scenario, [...(first ?? [])])[0]?.gcMs).toBe(3);
  expect(resultsOf(scenario, [...(first ?? []), ...(silent ?? [])])[0]?.gcMs).toBeUndefined();
});

test('each repetition begins with another subject', () => {
  const all = ['a', 'b', 'c'];
  expect([0, 1, 2, 3].map((by) => turned(all, by).join(''))).toEqual(['abc', 'bca', 'cab', 'abc']);
  expect(turned([], 2)).toEqual([]);
});

test('refusals for overload are no errors where overload is what is measured', () => {
  const errors = { 'grpc-status 14': 5, 'no answer': 1 };
  const refusedLatency = { ...repetition(1, {}).latency, count: 5 };
  expect(errorsButRefusals({ errors, refusedLatency })).toEqual({ 'no answer': 1 });
  expect(errorsButRefusals({ errors, refusedLatency: { ...refusedLatency, count: 3 } })).toEqual({
    'grpc-status 14': 2,
    'no answer': 1,
  });
  expect(errorsButRefusals({ errors })).toEqual(errors);
});
