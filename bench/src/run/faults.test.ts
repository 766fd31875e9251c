import { expect, test } from 'vitest';
import type { Results, ScenarioResult } from '../model.ts';
import { scenarioOf } from '../scenarios.ts';
import { errorsIn, faultsOf } from './faults.ts';
import { resultsOf } from './results.ts';

const { loads } = scenarioOf('single-warm');
const asked = [{ name: 'single-warm', subjects: ['weir', 'grpc-js'], loads }] as const;
const latency = { p50Ms: 1, p90Ms: 2, p99Ms: 3, p999Ms: 4, maxMs: 5, meanMs: 1, count: 10 };
const repetition = {
  ...{ repetition: 1, sent: 10, ok: 10, errors: {}, checked: 1, durationMs: 1_000 },
  ...{ callsPerSecond: 100, latency: { ...latency, curve: [] }, overTime: [], bytesRead: 1 },
  generator: { cpuShare: 0.5, sendLagP99Ms: 0.1, sendLagMaxMs: 0.2 },
  ...{ freshNext: 0, cpuSeconds: 1, rssMb: 50, gcMs: 3, gcMaxMs: 1 },
  ...{ foreignCpuShare: 0.01, disturbed: 0 },
};

const good = resultsOf(
  scenarioOf('single-warm'),
  (['weir', 'grpc-js'] as const).flatMap((subject) => [
    {
      ...{ subject, plan: { kind: 'saturation', concurrency: 64 }, repetition },
      load: { kind: 'closed', concurrency: 64 },
    },
    { ...{ subject, plan: { kind: 'half' }, repetition }, load: { kind: 'open', rate: 50 } },
  ]),
);

function results(scenarios: readonly ScenarioResult[], more: Partial<Results> = {}): Results {
  return {
    at: '2027-01-01T00:00:00Z',
    machine: { cpu: 'a', cores: 2, memoryGb: 8, node: 'v24.0.0', pinned: true },
    settings: { repetitions: 1, durationMs: 1_000 },
    ...{ scenarios, ratios: {}, spread: {}, goals: [], leftOut: {}, ...more },
  };
}

/** The good results, with the first one changed. */
function but(change: Partial<ScenarioResult>): ScenarioResult[] {
  return good.map((one, at) => (at === 0 ? { ...one, ...change } : one));
}

test('whole results have no fault', () => {
  expect(faultsOf(results(good), asked)).toEqual([]);
  const alone = good.filter(({ subject }) => subject === 'weir');
  expect(faultsOf(results(alone, { leftOut: { 'grpc-js': 'not here' } }), asked)).toEqual([]);
});

test.each([
  [results(good.slice(1)), 'single-warm has no result of weir under saturation'],
  [results(but({ callsPerSecond: 0 })), 'single-warm weir saturation: callsPerSecond is 0'],
  [results(but({ p99Ms: Number.NaN })), 'single-warm weir saturation: p99Ms is NaN'],
  [results(but({ p50Ms: 9 })), 'single-warm weir saturation: its percentiles do not rise'],
  [results(but({ repetitions: [] })), 'single-warm weir saturation: has 0 of 1 repetitions'],
  [
    results(but({ repetitions: [{ ...repetition, checked: 0 }] })),
    'single-warm weir saturation: in 1 repetitions no answer was looked through',
  ],
  [results(good, { ratios: { a: Number.NaN } }), 'the ratio a is NaN'],
])('a fault is named: %#', (given, fault) => {
  expect(faultsOf(given, asked)).toContain(fault);
});

test('errors are told with what they were', () => {
  expect(errorsIn(results(good))).toEqual([]);
  const failed = { ...repetition, errors: { 'grpc-status 14': 2, 'no answer': 1 } };
  expect(errorsIn(results(but({ errors: 3, repetitions: [failed] })))).toEqual([
    'single-warm weir saturation: 3 errors (grpc-status 14, no answer)',
  ]);
});
