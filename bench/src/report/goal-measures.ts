import type { Results, ScenarioName, ScenarioResult } from '../model.ts';
import { scenarioOf } from '../scenarios.ts';
import { count, ms, ratio, withSpread } from './format.ts';
import { find } from './pairs.ts';

/** What goals are measured on. */
export type Measured = Pick<Results, 'scenarios' | 'ratios' | 'spread'>;

/** A goal; `measure` gives undefined where the results do not have what it needs. */
export interface Goal {
  readonly name: string;
  readonly goal: string;
  measure(results: Measured): { readonly measured: string; readonly held: boolean } | undefined;
}

type Verdict = ReturnType<Goal['measure']>;

const fixedP99MaxMs = 10;
/** A p99 that nobody need be nearer to the floor than. */
const fixedP99EnoughMs = 3;
const refusalMaxMs = 50;
const itemsPerCoreEnough = 500_000;
const memoryMaxFactor = 1.6;
const bytesPerMb = 1024 * 1024;

/** A goal of a ratio that is to be no smaller than a bound. */
export function atLeast(bound: number, key: string, goal: string): Goal {
  return {
    name: key,
    goal,
    measure: (results) => compare(results, key, (value) => value >= bound),
  };
}

/** A goal of a ratio that is to be no greater than a bound. */
export function atMost(bound: number, key: string, goal: string): Goal {
  return {
    name: key,
    goal,
    measure: (results) => compare(results, key, (value) => value <= bound),
  };
}

function compare(
  { ratios, spread }: Measured,
  key: string,
  holds: (value: number) => boolean,
): Verdict {
  const value = ratios[key];
  if (value === undefined) return undefined;
  return { measured: withSpread(value, spread[key]), held: holds(value) };
}

/**
 * Whether the p99 of every repetition is below a bound. It is not where calls failed: they have no
 * latency, and might have been the slow ones.
 */
export function worstBelow(results: readonly ScenarioResult[], maxMs: number): Verdict {
  const all = results.flatMap(({ repetitions }) => repetitions);
  if (all.length === 0) return undefined;
  const worst = Math.max(
    ...all.map(({ latency }) => (latency.count > 0 ? latency.p99Ms : Number.POSITIVE_INFINITY)),
  );
  const errors = results.reduce((sum, one) => sum + one.errors, 0);
  const where =
    all.length === 1 ? 'in one repetition' : `in the worst of ${all.length} repetitions`;
  const failed = errors > 0 ? `, with ${count(errors)} errors` : '';
  return {
    measured: `${ms(worst)} ms ${where}${failed}`,
    held: worst < maxMs && errors === 0,
  };
}

/** The p99 of a batch at a fixed rate, against the floor and by itself. */
export function p99AtFixedRate(results: Measured): Verdict {
  const { ratios, spread } = results;
  const key = 'batch32-warm.p99At500.vs.node-http2';
  const value = ratios[key];
  const p99Ms = weirIn(results, 'batch32-warm', 'fixed')?.p99Ms;
  if (value === undefined || p99Ms === undefined) return undefined;
  return {
    measured: `${withSpread(value, spread[key])}, ${ms(p99Ms)} ms`,
    held: (value <= 3 || p99Ms <= fixedP99EnoughMs) && p99Ms < fixedP99MaxMs,
  };
}

/** Items a second. One router process runs JavaScript on one core, so they are those of a core. */
export function itemsOnOneCore(results: Measured): Verdict {
  const items = weirIn(results, 'batch128-warm', 'saturation')?.itemsPerSecond;
  const key = 'batch128-warm.callsPerSecond.vs.node-http2';
  const ofFloor = results.ratios[key];
  if (items === undefined || ofFloor === undefined) return undefined;
  return {
    measured: `${count(items)} a second, ${withSpread(ofFloor, results.spread[key])}`,
    held: items >= itemsPerCoreEnough || ofFloor >= 0.6,
  };
}

/** What a great cache takes of memory. */
export function memoryOfCache(results: Measured): Verdict {
  const rssMb = weirIn(results, 'cache-1m', 'saturation')?.rssMb;
  if (rssMb === undefined) return undefined;
  const { keys, valueBytes } = scenarioOf('cache-1m');
  const factor = (rssMb * bytesPerMb) / (keys * valueBytes);
  return {
    measured: `${ratio(factor)}, ${count(rssMb)} MB in all`,
    held: factor <= memoryMaxFactor,
  };
}

/** Weir in a scenario under a plan. */
export function weirIn(
  { scenarios }: Measured,
  name: ScenarioName,
  plan: ScenarioResult['load']['plan'],
): ScenarioResult | undefined {
  return find(scenarios, { name, subject: 'weir', plan });
}

/** What refusals for overload take; as Goal#measure. */
export function refusals({ ratios, spread }: Measured): Verdict {
  const value = ratios['overload-4x.refusalP99Ms'];
  if (value === undefined) return undefined;
  const worst = spread['overload-4x.refusalP99Ms']?.[1] ?? value;
  return { measured: `p99 ${ms(value)} ms, at most ${ms(worst)} ms`, held: worst <= refusalMaxMs };
}
