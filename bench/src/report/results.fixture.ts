import type {
  Latency,
  LoadPlan,
  Moment,
  Repetition,
  Results,
  ScenarioName,
  ScenarioResult,
  SubjectName,
} from '../model.ts';
import { goalsOf } from './goals.ts';
import { ratiosOf } from './ratios.ts';

/** A made-up result: each figure is a list with one number for each repetition. */
export interface Made {
  readonly name?: ScenarioName;
  readonly subject: SubjectName;
  readonly plan?: LoadPlan['kind'];
  readonly rate?: number;
  readonly callsPerSecond?: readonly number[];
  readonly p50Ms?: readonly number[];
  readonly p99Ms?: readonly number[];
  readonly refusalP99Ms?: readonly number[];
  readonly rssMb?: readonly number[];
  /** Put over what is made of the rest. */
  readonly override?: Partial<ScenarioResult>;
}

/** Results of made-up parts, with ratios and goals as the real ones have them. */
export function makeResults(made: readonly Made[], override: Partial<Results> = {}): Results {
  const scenarios = made.map(makeScenario);
  const ratios = ratiosOf(scenarios);
  return {
    at: '2026-11-21T12:00:00.000Z',
    machine: { cpu: 'A processor', cores: 2, memoryGb: 8, node: 'v24.0.0', pinned: true },
    settings: { repetitions: 3, durationMs: 5_000 },
    scenarios,
    ...ratios,
    goals: goalsOf({ scenarios, ...ratios }),
    leftOut: {},
    ...override,
  };
}

/** A made-up result of one subject under one load. */
export function makeScenario(made: Made): ScenarioResult {
  const { name = 'batch32-warm', subject, plan = 'saturation', rate = 500 } = made;
  const repetitions = repetitionsOf(made);
  const middle = repetitions[Math.floor(repetitions.length / 2)] as Repetition;
  const { p50Ms, p90Ms, p99Ms, p999Ms, maxMs } = middle.latency;
  const load =
    plan === 'saturation'
      ? ({ plan, kind: 'closed', concurrency: 64 } as const)
      : ({ plan, kind: 'open', rate } as const);
  return {
    ...{ name, subject, protocol: 'grpc', load },
    ...{ callsPerSecond: middle.callsPerSecond, itemsPerSecond: middle.callsPerSecond * 32 },
    ...{ p50Ms, p90Ms, p99Ms, p999Ms, maxMs },
    saturation: undefined,
    errors: 0,
    ...{ cpuSeconds: middle.cpuSeconds, rssMb: middle.rssMb, gcMs: middle.gcMs },
    generator: middle.generator,
    repetitions,
    ...made.override,
  };
}

function repetitionsOf(made: Made): Repetition[] {
  const { callsPerSecond = [1_000], p50Ms = [1], p99Ms = [2], rssMb = [100] } = made;
  const lists = [callsPerSecond, p50Ms, p99Ms, rssMb];
  const length = Math.max(...lists.map((list) => list.length));
  return Array.from({ length }, (_, repetition) => {
    const [calls = 0, p50 = 0, p99 = 0, rss = 0] = lists.map((list) => list[repetition] ?? list[0]);
    const refused = made.refusalP99Ms?.[repetition];
    return {
      ...{ repetition, sent: calls * 5, ok: calls * 5, errors: {}, checked: 10 },
      ...{ durationMs: 5_000, callsPerSecond: calls },
      latency: makeLatency(p50, p99, calls * 5),
      ...(refused !== undefined && { refusedLatency: makeLatency(refused / 2, refused, 100) }),
      overTime: Array.from({ length: 50 }, (_, index) => makeMoment(index, p50, p99)),
      generator: { cpuShare: 0.3, sendLagP99Ms: 0.1, sendLagMaxMs: 1 },
      ...{ bytesRead: 1_000_000, freshNext: 0, cpuSeconds: 4.9, rssMb: rss },
      ...{ gcMs: 120, gcMaxMs: 4, foreignCpuShare: 0.02, disturbed: 0 },
    };
  });
}

function makeLatency(p50Ms: number, p99Ms: number, count: number): Latency {
  const grow = Math.log(p99Ms / p50Ms) / (2 - Math.log10(2));
  const at = (percentile: number) => {
    const power = -Math.log10(1 - percentile / 100);
    return p50Ms * Math.exp(grow * (power - Math.log10(2)));
  };
  const percentiles = [0, 10, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 99.95, 99.99, 99.999];
  return {
    ...{ p50Ms: at(50), p90Ms: at(90), p99Ms: at(99), p999Ms: at(99.9), maxMs: at(99.999) },
    ...{ meanMs: p50Ms * 1.1, count },
    curve: percentiles.map((percentile) => [percentile, at(percentile)] as const),
  };
}

function makeMoment(index: number, p50Ms: number, p99Ms: number): Moment {
  const wave = 1 + 0.3 * Math.sin(index * 2.3 + p99Ms * 7) + (index % 17 === 5 ? 1 : 0);
  const [p99, max] = [p99Ms * wave, p99Ms * wave * (1.5 + (index % 3))];
  return { atMs: index * 100, calls: 100, p50Ms, p99Ms: p99, maxMs: max };
}
