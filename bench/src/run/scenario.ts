import { refusedFault } from '../load/judge.ts';
import type { LoadProcess } from '../load/open-load.ts';
import {
  type LoadJob,
  type LoadPlan,
  type Pins,
  type RunningSubject,
  type Scenario,
  type ScenarioResult,
  type SubjectDef,
  type SubjectName,
  type SweepPoint,
  scenarioNames,
  type Traffic,
} from '../model.ts';
import { trafficOf } from '../traffic.ts';
import { freshDigits } from '../values.ts';
import { scenarioFor } from '../weir/index.ts';
import { isBeyond, loadFor, planName } from './loads.ts';
import { type Measured, measure } from './measure.ts';
import { type MeasuredLoad, resultsOf } from './results.ts';
import { sweep } from './sweep.ts';
import { againMax, undisturbed } from './undisturbed.ts';

/** With what scenarios are run. */
export interface RunOptions {
  readonly load: LoadProcess;
  readonly pins: Pins;
  readonly repetitions: number;
  /** Of each measurement. */
  readonly durationMs: number;
  /**
   * Whether it only has to work, however slow and busy the machine is: nothing is measured again, and
   * to be refused for overload is no error.
   */
  readonly anyMachine: boolean;
  /** Whether latency is measured on the way to saturation too. */
  readonly sweep: boolean;
  readonly signal: AbortSignal;
  /** Told of each step, in a line. */
  readonly tell: (line: string) => void;
}

/** A subject that is open, and what is sent to it. */
export interface Opened {
  readonly name: SubjectName;
  readonly subject: RunningSubject;
  readonly traffic: Traffic;
  /** The next key that nobody asked it for. */
  freshNext: number;
}

/** The same in every scenario, for every subject. */
const connections = 8;
const timeoutMs = 5_000;
/** Before each measurement, under its load. */
const warmupMs = 300;
/** Before the first one, so that nobody is measured cold. */
const firstWarmupMs = 2_000;
const seed = 20_270_101;
/** More than a scenario can ask for; a hundred times as many have digits enough. */
const freshOfScenario = 10 ** (freshDigits - 2);

/**
 * Opens subjects, all at once, and measures them by turns: in each repetition every subject with all
 * its loads, beginning with another one each time.
 */
export async function runScenario(
  scenario: Scenario,
  defs: readonly SubjectDef[],
  options: RunOptions,
): Promise<{ readonly scenarios: ScenarioResult[]; readonly sweep: SweepPoint[] }> {
  await using opening = new AsyncDisposableStack();
  const opened: Opened[] = [];
  for (const def of defs) {
    const one = await open(scenario, { def, options, opening });
    opened.push(one);
    await warm(one, scenario, options);
    one.subject.pause?.();
  }
  const all: MeasuredLoad[] = [];
  for (let repetition = 1; repetition <= options.repetitions; repetition += 1) {
    for (const one of turned(opened, repetition - 1)) {
      all.push(...(await measureLoads(one, { scenario, repetition, options })));
    }
  }
  const scenarios = resultsOf(scenario, all);
  const points = options.sweep ? await sweep(scenario, { opened, scenarios }, options) : [];
  return { scenarios, sweep: points };
}

/** Opens one subject. */
export async function open(
  scenario: Scenario,
  {
    def,
    options: { pins, signal, tell },
    opening,
  }: {
    def: SubjectDef;
    options: Pick<RunOptions, 'pins' | 'signal' | 'tell'>;
    opening: AsyncDisposableStack;
  },
): Promise<Opened> {
  signal.throwIfAborted();
  const startMs = performance.now();
  const subject = opening.use(await def.open(scenario, pins));
  const traffic = trafficOf(scenarioFor(def.name, scenario), subject.heads, seed);
  tell(`${scenario.name}: ${def.name} is open after ${seconds(performance.now() - startMs)}`);
  return { name: def.name, subject, traffic, freshNext: freshFrom(scenario) };
}

/** Scenarios do not share fresh keys, for they may share a Weir. */
function freshFrom({ name }: Scenario): number {
  return (scenarioNames.indexOf(name) + 1) * freshOfScenario;
}

async function measureLoads(
  opened: Opened,
  {
    scenario,
    repetition,
    options,
  }: { scenario: Scenario; repetition: number; options: RunOptions },
): Promise<MeasuredLoad[]> {
  const { repetitions, tell } = options;
  const all: MeasuredLoad[] = [];
  await opened.subject.resume?.();
  for (const plan of scenario.loads) {
    const name = `${scenario.name} ${repetition}/${repetitions}  ${opened.name}, ${planName(plan)}`;
    if (isBeyond(plan, saturationIn(all))) {
      tell(`${name}: left out, for it is far more than it can answer`);
      continue;
    }
    const load = loadFor(plan, saturationIn(all));
    const measured = await undisturbed(() => measureLoad(opened, { plan, load }, options), {
      againMax: options.anyMachine ? 0 : againMax,
      onDisturbed: ({ foreignCpuShare }) =>
        tell(`${name}: disturbed, others took ${share(foreignCpuShare)}`),
    });
    all.push({ subject: opened.name, plan, load, repetition: { ...measured, repetition } });
    tell(`${name}: ${summary(measured)}`);
  }
  opened.subject.pause?.();
  return all;
}

/** Puts one load on a subject. */
export async function measureLoad(
  opened: Opened,
  { plan, load }: Pick<MeasuredLoad, 'plan' | 'load'>,
  options: Pick<RunOptions, 'load' | 'durationMs' | 'signal' | 'anyMachine'>,
): Promise<Measured> {
  const { subject, traffic } = opened;
  const { durationMs, signal, anyMachine } = options;
  const refusalsAllowed = anyMachine || (plan.kind === 'times' && plan.times >= 1);
  const job: LoadJob = {
    host: subject.host,
    port: subject.port,
    traffic: { ...traffic, refusalsAllowed },
    load,
    ...{ connections, warmupMs, durationMs, timeoutMs },
    freshFrom: opened.freshNext,
  };
  const measured = await measure(options.load, { subject, job, signal });
  opened.freshNext = measured.freshNext;
  return refusalsAllowed ? { ...measured, errors: errorsButRefusals(measured) } : measured;
}

/** What was wrong beside refusals for overload, which are counted in their latency. */
export function errorsButRefusals({
  errors,
  refusedLatency,
}: Pick<Measured, 'errors' | 'refusedLatency'>): Measured['errors'] {
  const { [refusedFault]: unavailable = 0, ...others } = errors;
  const left = unavailable - (refusedLatency?.count ?? 0);
  return left > 0 ? { ...others, [refusedFault]: left } : others;
}

async function warm(opened: Opened, { loads }: Scenario, options: RunOptions): Promise<void> {
  const plan: LoadPlan = loads.find(({ kind }) => kind === 'saturation') ?? {
    ...{ kind: 'saturation', concurrency: connections },
  };
  await measureLoad(
    opened,
    { plan, load: loadFor(plan, undefined) },
    { ...options, durationMs: Math.min(firstWarmupMs, options.durationMs * 2) },
  );
}

/** What a subject answered at saturation in one repetition. */
function saturationIn(measured: readonly MeasuredLoad[]): number | undefined {
  return measured.find(({ plan }) => plan.kind === 'saturation')?.repetition.callsPerSecond;
}

/** The same, beginning further on. */
export function turned<T>(all: readonly T[], by: number): T[] {
  const from = all.length === 0 ? 0 : by % all.length;
  return [...all.slice(from), ...all.slice(0, from)];
}

function summary({ callsPerSecond, latency, errors, foreignCpuShare, generator }: Measured) {
  const wrong = Object.entries(errors).map(([what, count]) => `${count} ${what}`);
  return [
    `${Math.round(callsPerSecond).toLocaleString('en-US')} calls/s`,
    `p50 ${latency.p50Ms.toFixed(2)} ms`,
    `p99 ${latency.p99Ms.toFixed(2)} ms`,
    `load ${share(generator.cpuShare)}`,
    `others ${share(foreignCpuShare)}`,
    ...(wrong.length > 0 ? [`errors: ${wrong.join(', ')}`] : []),
  ].join(', ');
}

function share(cores: number): string {
  return `${Math.round(cores * 100)} % of a core`;
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
