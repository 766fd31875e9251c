import type { Results, ScenarioResult } from '../model.ts';
import type { AskedScenario } from '../options.ts';

/** All that is wrong with results, but for how good they are. */
export function faultsOf(results: Results, asked: readonly AskedScenario[]): string[] {
  return [
    ...missing(results, asked),
    ...results.scenarios.flatMap((result) => faultsOfOne(result, results.settings.repetitions)),
    ...Object.entries(results.ratios)
      .filter(([, ratio]) => !isFigure(ratio))
      .map(([key, ratio]) => `the ratio ${key} is ${ratio}`),
  ];
}

/** What failed, as lines. */
export function errorsIn({ scenarios }: Pick<Results, 'scenarios'>): string[] {
  return scenarios
    .filter(({ errors }) => errors > 0)
    .map(({ name, subject, load, errors, repetitions }) => {
      const kinds = new Set(repetitions.flatMap((one) => Object.keys(one.errors)));
      return `${name} ${subject} ${load.plan}: ${errors} errors (${[...kinds].join(', ')})`;
    });
}

function missing({ scenarios, leftOut }: Results, asked: readonly AskedScenario[]): string[] {
  return asked.flatMap(({ name, subjects, loads }) =>
    subjects
      .filter((subject) => !(subject in leftOut))
      .flatMap((subject) =>
        loads.flatMap(({ kind }) => {
          const found = scenarios.some(
            (one) => one.name === name && one.subject === subject && one.load.plan === kind,
          );
          return found ? [] : [`${name} has no result of ${subject} under ${kind}`];
        }),
      ),
  );
}

function faultsOfOne(result: ScenarioResult, repetitions: number): string[] {
  const where = `${result.name} ${result.subject} ${result.load.plan}`;
  const { callsPerSecond, itemsPerSecond, p50Ms, p90Ms, p99Ms, p999Ms, maxMs } = result;
  const figures = { callsPerSecond, itemsPerSecond, p50Ms, p90Ms, p99Ms, p999Ms, maxMs };
  const unknown = Object.entries({ ...figures, rssMb: result.rssMb })
    .filter(([, value]) => !isFigure(value))
    .map(([name, value]) => `${where}: ${name} is ${value}`);
  const rising = p50Ms <= p90Ms && p90Ms <= p99Ms && p99Ms <= p999Ms && p999Ms <= maxMs;
  const unchecked = result.repetitions.filter(({ checked }) => checked === 0).length;
  const wrong: readonly (readonly [boolean, string])[] = [
    [!rising, 'its percentiles do not rise'],
    [
      result.repetitions.length !== repetitions,
      `has ${result.repetitions.length} of ${repetitions} repetitions`,
    ],
    [unchecked > 0, `in ${unchecked} repetitions no answer was looked through`],
  ];
  return [...unknown, ...wrong.filter(([is]) => is).map(([, text]) => `${where}: ${text}`)];
}

function isFigure(value: number | undefined): boolean {
  return value !== undefined && Number.isFinite(value) && value > 0;
}
