import type { LoadPlan, Repetition, Results, ScenarioName, ScenarioResult } from '../model.ts';
import { looks } from './colours.ts';
import { planText } from './format.ts';
import { median } from './pairs.ts';

type Values = (number | null)[];

/** A line of a plot: a value for each x of it, null where there is none. */
export interface Line {
  readonly subject: string;
  readonly dash: readonly number[];
  /** Milliseconds. */
  readonly values: Values;
  /** Of the repetitions, in the percentile plot. */
  readonly least?: Values;
  readonly greatest?: Values;
  /** The slowest call, in the plot over time. */
  readonly max?: Values;
}

export interface Plot {
  readonly x: readonly number[];
  readonly lines: readonly Line[];
}

/** What is drawn of a scenario. */
export interface ScenarioPlots {
  readonly name: ScenarioName;
  /** One for each load that was sent. */
  readonly loads: readonly {
    readonly title: string;
    readonly percentiles: Plot;
    readonly overTime: Plot;
  }[];
  readonly sweep: Plot | undefined;
}

/** Powers of ten of 1/(1-p): 1 is the 90th percentile, 4 the 99.99th. */
const powers = Array.from({ length: 41 }, (_, index) => index / 10);
const momentMs = 100;
/** Between repetitions on the axis of time. */
const pauseMs = 500;

/** The first is what a reader sees first: all at the same rate. */
const order: readonly LoadPlan['kind'][] = ['fixed', 'half', 'times', 'saturation'];

/** What is drawn of a scenario. */
export function plotsOf(results: Results, name: ScenarioName): ScenarioPlots {
  const scenario = results.scenarios.filter((one) => one.name === name);
  const ordered = scenario.toSorted(
    (a, b) => order.indexOf(a.load.plan) - order.indexOf(b.load.plan),
  );
  const titles = [...new Set(ordered.map(planText))];
  return {
    name,
    loads: titles.map((title) => {
      const subjects = scenario.filter((one) => planText(one) === title);
      return { title, percentiles: percentilesOf(subjects), overTime: overTimeOf(subjects) };
    }),
    sweep: sweepOf(results.sweep?.filter(({ scenario }) => scenario === name) ?? []),
  };
}

function percentilesOf(subjects: readonly ScenarioResult[]): Plot {
  return {
    x: powers,
    lines: subjects.map(({ subject, repetitions }) => {
      const curves = repetitions.map(({ latency }) => resample(latency));
      const each = powers.map((_, index) =>
        curves.map((curve) => curve[index] ?? null).filter((value) => value !== null),
      );
      const merge = (of: (values: readonly number[]) => number): Values =>
        each.map((values) => (values.length === curves.length ? positive(of(values)) : null));
      return {
        ...lineOf(subject),
        values: merge(median),
        least: merge((values) => Math.min(...values)),
        greatest: merge((values) => Math.max(...values)),
      };
    }),
  };
}

/** The curve at each power, up to where a percentile is still of one call at least. */
function resample({ curve, count }: Repetition['latency']): Values {
  const points = curve
    .filter(([percentile]) => percentile < 100)
    .map(([percentile, ms]) => [-Math.log10(1 - percentile / 100), ms] as const);
  return powers.map((power) => {
    if (10 ** power > count) return null;
    const next = points.findIndex(([at]) => at >= power);
    const [from, to] = [points[next - 1], points[next]];
    if (!to) return points.at(-1)?.[1] ?? null;
    if (!from) return to[1];
    return from[1] + ((to[1] - from[1]) * (power - from[0])) / (to[0] - from[0]);
  });
}

/** Tenths of a second, the repetitions one after the other. */
function overTimeOf(subjects: readonly ScenarioResult[]): Plot {
  const all = subjects.flatMap(({ repetitions }) => repetitions);
  const momentsAtMost = Math.max(0, ...all.map(({ overTime }) => overTime.length));
  const strideMs = momentsAtMost * momentMs + pauseMs;
  const at = (one: Repetition, atMs: number) =>
    one.repetition * strideMs + Math.round(atMs / momentMs) * momentMs;
  const times = all.flatMap((one) => one.overTime.map(({ atMs }) => at(one, atMs)));
  const first = Math.min(...times);
  const ends = new Set(all.map((one) => one.repetition * strideMs - pauseMs / 2));
  const x = [...new Set([...times, ...ends])].sort((a, b) => a - b).filter((ms) => ms >= first);
  return {
    x: x.map((ms) => (ms - first) / 1000),
    lines: subjects.map(({ subject, repetitions }) => {
      const moments = new Map(
        repetitions.flatMap((one) => one.overTime.map((moment) => [at(one, moment.atMs), moment])),
      );
      const values = (of: 'p99Ms' | 'maxMs') =>
        x.map((ms) => {
          const moment = moments.get(ms);
          return moment && moment.calls > 0 ? positive(moment[of]) : null;
        });
      return { ...lineOf(subject), values: values('p99Ms'), max: values('maxMs') };
    }),
  };
}

function sweepOf(points: NonNullable<Results['sweep']>): Plot | undefined {
  if (points.length === 0) return undefined;
  const x = [...new Set(points.map(({ rate }) => rate))].sort((a, b) => a - b);
  const subjects = [...new Set(points.map(({ subject }) => subject))];
  return {
    x,
    lines: subjects.map((subject) => {
      const own = new Map(
        points.filter((one) => one.subject === subject).map((one) => [one.rate, one]),
      );
      return { ...lineOf(subject), values: x.map((rate) => positive(own.get(rate)?.p99Ms)) };
    }),
  };
}

function lineOf(subject: string): Pick<Line, 'subject' | 'dash'> {
  const known: Readonly<Record<string, { readonly dash: readonly number[] }>> = looks;
  return { subject, dash: known[subject]?.dash ?? [] };
}

/** A logarithmic axis has no place for zero. */
function positive(ms: number | undefined): number | null {
  return ms !== undefined && ms > 0 ? Number(ms.toPrecision(4)) : null;
}
