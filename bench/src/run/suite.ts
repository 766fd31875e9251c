import type { LoadProcess } from '../load/open-load.ts';
import type { Pins, Results, SubjectDef, SubjectName } from '../model.ts';
import type { AskedScenario, AskedSuite } from '../options.ts';
import { scenarioOf } from '../scenarios.ts';
import { subjects as otherSubjects } from '../subjects/index.ts';
import { keepWeirs } from '../weir/index.ts';
import { machineOf } from './machine.ts';
import { runScenario } from './scenario.ts';
import {
  completed,
  isDone,
  type Progress,
  readProgress,
  withScenario,
  writeWhole,
} from './store.ts';

/** With what a suite is run. */
export interface SuiteOptions {
  readonly load: LoadProcess;
  readonly pins: Pins;
  readonly signal: AbortSignal;
  readonly tell: (line: string) => void;
}

/** Runs scenario after scenario, and writes the results after each. Throws UsageError. */
export async function runSuite(asked: AskedSuite, options: SuiteOptions): Promise<Results> {
  const { repetitions, durationMs, out } = asked;
  const machine = machineOf(options.pins);
  const settings = { repetitions, durationMs };
  const results = (progress: Progress) =>
    completed(progress, { at: new Date().toISOString(), machine, settings });
  let progress: Progress = { scenarios: [], leftOut: {}, sweep: [] };
  if (asked.resume) progress = await readProgress(out, settings, machine);
  await using weirs = keepWeirs();
  const known = [...weirs.subjects, ...otherSubjects];
  for (const scenario of asked.scenarios) {
    if (isDone(scenario, progress)) {
      options.tell(`${scenario.name}: is in ${out} already`);
      continue;
    }
    progress = await runOne(scenario, { asked, options, progress, known });
    await writeWhole(out, `${JSON.stringify(results(progress), undefined, 1)}\n`);
  }
  return results(progress);
}

async function runOne(
  { name, subjects, loads }: AskedScenario,
  {
    asked,
    options,
    progress,
    known,
  }: {
    asked: AskedSuite;
    options: SuiteOptions;
    progress: Progress;
    known: readonly SubjectDef[];
  },
): Promise<Progress> {
  const { here, leftOut } = whoIsHere(subjects, known);
  for (const [subject, why] of Object.entries(leftOut)) {
    options.tell(`${name}: ${subject} is left out: ${why}`);
  }
  const { repetitions, durationMs, smoke } = asked;
  const found = await runScenario({ ...scenarioOf(name), loads }, here, {
    ...options,
    ...{ repetitions, durationMs, sweep: asked.sweep, anyMachine: smoke },
  });
  return withScenario(progress, name, { ...found, leftOut });
}

function whoIsHere(names: readonly SubjectName[], known: readonly SubjectDef[]) {
  const leftOut: Record<string, string> = {};
  const here = names.flatMap((name) => {
    const def = known.find((one) => one.name === name);
    const why = def === undefined ? 'nobody knows how to open it' : def.whyNot?.();
    if (def === undefined || why !== undefined) leftOut[name] = why ?? '';
    return def !== undefined && why === undefined ? [def] : [];
  });
  return { here, leftOut };
}
