import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Machine, Results, ScenarioName, ScenarioResult, SweepPoint } from '../model.ts';
import { type AskedScenario, type AskedSuite, UsageError } from '../options.ts';
import { goalsOf, ratiosOf } from '../report/index.ts';

/** What was measured so far. */
export interface Progress {
  readonly scenarios: readonly ScenarioResult[];
  readonly leftOut: Results['leftOut'];
  readonly sweep: readonly SweepPoint[];
}

type Settings = Pick<AskedSuite, 'repetitions' | 'durationMs'>;

/** Completes what was measured with what follows from it. */
export function completed(
  { scenarios, leftOut, sweep }: Progress,
  { at, machine, settings }: Pick<Results, 'at' | 'machine' | 'settings'>,
): Results {
  const measured = { scenarios, ...ratiosOf(scenarios) };
  return {
    ...{ at, machine, settings },
    ...measured,
    goals: goalsOf(measured),
    leftOut,
    ...(sweep.length > 0 && { sweep }),
  };
}

/** Writes a file whole or not at all. */
export async function writeWhole(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const draft = `${path}.${process.pid}`;
  await writeFile(draft, text);
  await rename(draft, path);
}

/**
 * What a file of results has already; nothing when it is not there. Throws UsageError when it was
 * measured otherwise, or cannot be read.
 */
export async function readProgress(
  path: string,
  { repetitions, durationMs }: Settings,
  machine: Machine,
): Promise<Progress> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return { scenarios: [], leftOut: {}, sweep: [] };
  const results = parse(path, text);
  const { settings } = results;
  if (settings.repetitions !== repetitions || settings.durationMs !== durationMs) {
    throw new UsageError(
      `--resume: ${path} has ${settings.repetitions} repetitions of ${settings.durationMs} ms, and asked for are ${repetitions} of ${durationMs} ms`,
    );
  }
  if (JSON.stringify(results.machine) !== JSON.stringify(machine)) {
    throw new UsageError(`--resume: ${path} was measured on another machine or Node`);
  }
  const { scenarios, leftOut, sweep = [] } = results;
  return { scenarios, leftOut, sweep };
}

function parse(path: string, text: string): Results {
  try {
    const results = JSON.parse(text) as Results;
    if (Array.isArray(results.scenarios)) return results;
  } catch {
    // Told below.
  }
  throw new UsageError(`--resume: ${path} is no file of results`);
}

/** Whether all that is asked of a scenario was measured, or could not be. */
export function isDone(
  { name, subjects }: Pick<AskedScenario, 'name' | 'subjects'>,
  { scenarios, leftOut }: Progress,
): boolean {
  const measured = scenarios.filter((result) => result.name === name);
  return (
    measured.length > 0 &&
    subjects.every(
      (subject) => subject in leftOut || measured.some((one) => one.subject === subject),
    )
  );
}

/** What was measured, with a scenario in the place of what there was of it. */
export function withScenario(
  progress: Progress,
  name: ScenarioName,
  found: Partial<Progress>,
): Progress {
  const others = <T>(all: readonly T[], nameOf: (one: T) => ScenarioName) =>
    all.filter((one) => nameOf(one) !== name);
  return {
    scenarios: [...others(progress.scenarios, (one) => one.name), ...(found.scenarios ?? [])],
    sweep: [...others(progress.sweep, (one) => one.scenario), ...(found.sweep ?? [])],
    leftOut: { ...progress.leftOut, ...found.leftOut },
  };
}
