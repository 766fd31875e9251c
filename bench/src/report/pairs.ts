import type { LoadPlan, Repetition, ScenarioName, ScenarioResult, SubjectName } from '../model.ts';

/** The middle one, or the mean of the two in the middle; NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  const lower = sorted[Math.ceil(sorted.length / 2) - 1] ?? Number.NaN;
  return (lower + upper) / 2;
}

/** Which result is meant. */
interface Wanted {
  readonly name: ScenarioName;
  readonly subject: SubjectName;
  readonly plan: LoadPlan['kind'];
}

/** The result of a subject in a scenario under a plan; undefined: not measured. */
export function find(
  scenarios: readonly ScenarioResult[],
  wanted: Wanted,
): ScenarioResult | undefined {
  return scenarios.find(
    ({ name, subject, load }) =>
      name === wanted.name && subject === wanted.subject && load.plan === wanted.plan,
  );
}

/**
 * What a function makes of the repetitions that were measured one after the other: one for each
 * repetition that all the results have, unless it is undefined or not a number.
 */
export function paired(
  results: readonly ScenarioResult[],
  of: (repetitions: readonly Repetition[]) => number | undefined,
): number[] {
  const [first, ...others] = results;
  return (first?.repetitions ?? []).flatMap((one) => {
    const beside = others.map((other) =>
      other.repetitions.find(({ repetition }) => repetition === one.repetition),
    );
    const all = [one, ...beside].filter((repetition) => repetition !== undefined);
    const value = all.length === results.length ? of(all) : undefined;
    return value === undefined || Number.isNaN(value) ? [] : [value];
  });
}
