import type {
  Load,
  LoadPlan,
  Repetition,
  Scenario,
  ScenarioResult,
  SubjectName,
} from '../model.ts';
import { median } from '../report/index.ts';

/** One measurement, and what it was of. */
export interface MeasuredLoad {
  readonly subject: SubjectName;
  readonly plan: LoadPlan;
  readonly load: Load;
  readonly repetition: Repetition;
}

/** Makes results of all measurements of a scenario: one for each subject and load, of medians. */
export function resultsOf(scenario: Scenario, all: readonly MeasuredLoad[]): ScenarioResult[] {
  const groups = Map.groupBy(all, ({ subject, plan }) => `${subject} ${JSON.stringify(plan)}`);
  return [...groups.values()]
    .toSorted((a, b) => placeIn(scenario, a) - placeIn(scenario, b))
    .map((group) => resultOf(scenario, group, saturationOf(all, group)));
}

/** In the order of the scenario, whoever was measured first. */
function placeIn({ subjects, loads }: Scenario, [one]: readonly MeasuredLoad[]): number {
  if (!one) return 0;
  const plan = JSON.stringify(one.plan);
  const load = loads.findIndex((known) => JSON.stringify(known) === plan);
  return subjects.indexOf(one.subject) * loads.length + load;
}

function resultOf(
  { name, refs }: Scenario,
  group: readonly MeasuredLoad[],
  saturation: number | undefined,
): ScenarioResult {
  const [first] = group as [MeasuredLoad, ...MeasuredLoad[]];
  const repetitions = group.map(({ repetition }) => repetition);
  const middle = (of: (one: Repetition) => number) => median(repetitions.map(of));
  const callsPerSecond = middle((one) => one.callsPerSecond);
  return {
    name,
    subject: first.subject,
    protocol: 'grpc',
    load: { ...middleLoad(group.map(({ load }) => load)), plan: first.plan.kind },
    callsPerSecond,
    itemsPerSecond: callsPerSecond * refs,
    p50Ms: middle(({ latency }) => latency.p50Ms),
    p90Ms: middle(({ latency }) => latency.p90Ms),
    p99Ms: middle(({ latency }) => latency.p99Ms),
    p999Ms: middle(({ latency }) => latency.p999Ms),
    maxMs: middle(({ latency }) => latency.maxMs),
    saturation,
    errors: repetitions.reduce((sum, { errors }) => sum + countOf(errors), 0),
    cpuSeconds: middle((one) => one.cpuSeconds),
    rssMb: middle((one) => one.rssMb),
    gcMs: repetitions.some(({ gcMs }) => gcMs === undefined)
      ? undefined
      : middle(({ gcMs = Number.NaN }) => gcMs),
    generator: {
      cpuShare: middle(({ generator }) => generator.cpuShare),
      sendLagP99Ms: middle(({ generator }) => generator.sendLagP99Ms),
    },
    repetitions,
  };
}

function saturationOf(
  all: readonly MeasuredLoad[],
  [first]: readonly MeasuredLoad[],
): number | undefined {
  const rates = all
    .filter(({ subject, plan }) => subject === first?.subject && plan.kind === 'saturation')
    .map(({ repetition }) => repetition.callsPerSecond);
  return rates.length > 0 ? median(rates) : undefined;
}

/** Rates that follow from a saturation differ from repetition to repetition. */
function middleLoad(loads: readonly Load[]): Load {
  const [first] = loads as [Load, ...Load[]];
  if (first.kind === 'closed') return first;
  return {
    kind: 'open',
    rate: median(loads.map((load) => (load.kind === 'open' ? load.rate : 0))),
  };
}

/** All errors of a measurement. */
export function countOf(errors: Readonly<Record<string, number>>): number {
  return Object.values(errors).reduce((sum, count) => sum + count, 0);
}
