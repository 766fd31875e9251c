import { expect, test } from 'vitest';
import { ratiosOf } from './ratios.ts';
import { type Made, makeScenario } from './results.fixture.ts';

const ratios = (...made: Made[]) => ratiosOf(made.map(makeScenario));

test('figures of the same repetition are divided, and then the median is taken', () => {
  // The medians of both sides are 200 and 100: their quotient is in no repetition.
  const found = ratios(
    { subject: 'weir', callsPerSecond: [100, 200, 900] },
    { subject: 'node-http2', callsPerSecond: [100, 400, 90] },
  );
  const key = 'batch32-warm.callsPerSecond.vs.node-http2';
  expect(found.ratios).toEqual({ [key]: 1 });
  expect(found.spread).toEqual({ [key]: [0.5, 10] });
});

test('repetitions are paired by their number, not by their place', () => {
  const weir = makeScenario({ subject: 'weir', callsPerSecond: [100, 200, 300] });
  const other = makeScenario({ subject: 'connect-node', callsPerSecond: [100, 200, 300] });
  const turned = { ...other, repetitions: other.repetitions.toReversed().slice(0, 2) };
  expect(ratiosOf([weir, turned]).spread).toEqual({
    'batch32-warm.callsPerSecond.vs.connect-node': [1, 1],
  });
});

test('an even number of repetitions has the mean of the two in the middle', () => {
  const found = ratios(
    { subject: 'weir', callsPerSecond: [100, 300] },
    { subject: 'weir-connect-lane', callsPerSecond: [100, 100] },
  );
  expect(found.ratios).toEqual({ 'batch32-warm.callsPerSecond.vs.weir-connect-lane': 2 });
});

test('each plan has its figures, and is compared with the same plan only', () => {
  const found = ratios(
    { subject: 'weir', plan: 'saturation' },
    { subject: 'weir', plan: 'half', p50Ms: [2], p99Ms: [6] },
    { subject: 'weir', plan: 'fixed', rate: 500, p50Ms: [3], p99Ms: [8] },
    { subject: 'node-http2', plan: 'half', p50Ms: [1], p99Ms: [2] },
    { subject: 'node-http2', plan: 'fixed', rate: 500, p50Ms: [1], p99Ms: [2] },
    { subject: 'grpc-js', plan: 'fixed', rate: 400 },
    { name: 'single-warm', subject: 'connect-node' },
  );
  expect(Object.keys(found.ratios)).toEqual([
    'batch32-warm.p50AtHalf.vs.node-http2',
    'batch32-warm.p99AtHalf.vs.node-http2',
    'batch32-warm.p50At500.vs.node-http2',
    'batch32-warm.p99At500.vs.node-http2',
  ]);
  expect(Object.values(found.ratios)).toEqual([2, 3, 3, 4].map((value) => expect.closeTo(value)));
});

test('who answered nothing has no ratio', () => {
  const found = ratios(
    { subject: 'weir', plan: 'half' },
    { subject: 'connect-node', plan: 'half', callsPerSecond: [0] },
    { subject: 'weir', plan: 'saturation' },
    { subject: 'grpc-js', plan: 'saturation', callsPerSecond: [0] },
  );
  expect(found).toEqual({ ratios: {}, spread: {} });
});

const passed = (subject: Made['subject'], ...p50Ms: number[]): Made => ({
  name: 'passthrough-miss',
  plan: 'fixed',
  ...{ subject, p50Ms },
});

test('what Weir adds is compared with what nginx adds', () => {
  const found = ratios(
    passed('weir', 0.5, 0.7),
    passed('nginx', 0.3, 0.4),
    passed('node-http2', 0.2, 0.2),
  );
  expect(found.ratios['passthrough-miss.p50Added.vs.nginx']).toBeCloseTo(2.75);
  expect(found.spread['passthrough-miss.p50Added.vs.nginx']?.[0]).toBeCloseTo(2.5);
});

test('it is left out where nginx seems to add nothing, even in one repetition', () => {
  const found = ratios(
    passed('weir', 0.5, 0.7),
    passed('nginx', 0.3, 0.2),
    passed('node-http2', 0.2, 0.2),
  );
  expect(found.ratios['passthrough-miss.p50Added.vs.nginx']).toBeUndefined();
});

test('overload is compared with Weir itself at half, and refusals are a figure', () => {
  const found = ratios(
    { name: 'overload-4x', subject: 'weir', plan: 'half', p99Ms: [2, 2], rssMb: [100] },
    {
      ...{ name: 'overload-4x', subject: 'weir', plan: 'times' },
      ...{ p99Ms: [3, 5], rssMb: [120], refusalP99Ms: [10, 20] },
    },
  );
  expect(found.ratios).toEqual({
    'overload-4x.p99Admitted.vs.unloaded': expect.closeTo(2),
    'overload-4x.rssMb.vs.unloaded': 1.2,
    'overload-4x.refusalP99Ms': expect.closeTo(15),
  });
});
