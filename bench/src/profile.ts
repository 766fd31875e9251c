import { parseArgs } from 'node:util';
import { openLoad } from './load/open-load.ts';
import { type ScenarioName, scenarioNames } from './model.ts';
import { UsageError } from './options.ts';
import { type GcTrace, readGcTrace } from './profile/gc-trace.ts';
import { openProfiler } from './profile/inspector.ts';
import { type SelfTimes, selfTimes } from './profile/self-times.ts';
import { loadFor } from './run/loads.ts';
import { choosePins, pinOurselves } from './run/machine.ts';
import type { Measured } from './run/measure.ts';
import { measureLoad, type Opened } from './run/scenario.ts';
import { writeWhole } from './run/store.ts';
import { scenarioOf } from './scenarios.ts';
import { trafficOf } from './traffic.ts';
import { root } from './weir/node-process.ts';
import { freePorts } from './weir/ports.ts';
import { openWeir } from './weir/weir.ts';

// Where the router spends its time under load: a CPU profile of its main thread, and its collections.

const usage = `usage: npm run bench:profile -- [options]
  --scenario NAME   ${scenarioNames.join(', ')} (default batch32-warm)
  --rate R          calls a second (default: as many as it answers)
  --duration S      seconds under the profiler (default 5)
  --top N           functions to print (default 25)
  --trace           collections by kind, and what is allocated, too
  --out FILE        the profile (default bench/results/SCENARIO.cpuprofile)`;

const text = { type: 'string' } as const;
const options = {
  ...{ scenario: text, rate: text, duration: text, top: text, out: text },
  trace: { type: 'boolean' },
} as const;
const seed = 1;
const warmupMs = 3_000;
const mbToKb = 1_024;

const abort = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => abort.abort());
try {
  await profile(readAsked(process.argv.slice(2)));
} catch (error) {
  if (abort.signal.aborted) process.exitCode = 130;
  else if (error instanceof UsageError) {
    console.error(`${error.message}\n${usage}`);
    process.exitCode = 2;
  } else throw error;
}

interface Asked {
  readonly scenario: ScenarioName;
  readonly rate: number | undefined;
  readonly durationMs: number;
  readonly top: number;
  readonly trace: boolean;
  readonly out: string;
}

function readAsked(args: string[]): Asked {
  const values = parse(args);
  const scenario = scenarioNames.find((name) => name === (values.scenario ?? 'batch32-warm'));
  if (scenario === undefined) {
    throw new UsageError(
      `there is no scenario ${values.scenario}; there are ${scenarioNames.join(', ')}`,
    );
  }
  const positive = (name: 'rate' | 'duration' | 'top', usual: string) => {
    const value = Number(values[name] ?? usual);
    if (value > 0) return value;
    throw new UsageError(`--${name} ${values[name]} is not a number above 0`);
  };
  return {
    scenario,
    rate: values.rate === undefined ? undefined : positive('rate', ''),
    durationMs: positive('duration', '5') * 1_000,
    top: positive('top', '25'),
    trace: values.trace ?? false,
    out: values.out ?? `bench/results/${scenario}.cpuprofile`,
  };
}

function parse(args: string[]) {
  try {
    return parseArgs({ args, options }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

async function profile(asked: Asked): Promise<void> {
  const pins = choosePins();
  pinOurselves(pins);
  const [port = 0] = await freePorts(1);
  const flags = [`--inspect=127.0.0.1:${port}`, ...(asked.trace ? ['--trace-gc'] : [])];
  const scenario = scenarioOf(asked.scenario);
  let written = '';
  const onOutput = (more: string) => {
    written += more;
  };
  await using load = await openLoad({ core: pins.others });
  await using subject = await openWeir(scenario, pins, { flags, onOutput });
  const traffic = trafficOf(scenario, subject.heads, seed);
  const opened: Opened = { name: 'weir', subject, traffic, freshNext: 0 };
  const plan =
    asked.rate === undefined
      ? ({ kind: 'saturation', concurrency: 64 } as const)
      : ({ kind: 'fixed', rate: asked.rate } as const);
  const put = (durationMs: number) =>
    measureLoad(
      opened,
      { plan, load: loadFor(plan, undefined) },
      { load, durationMs, signal: abort.signal, anyMachine: true },
    );
  await put(warmupMs);
  await using profiler = await openProfiler(port);
  written = '';
  await profiler.start();
  const measured = await put(asked.durationMs);
  const taken = await profiler.stop();
  await writeWhole(asked.out, JSON.stringify(taken));
  print(asked, measured, selfTimes(taken, root));
  if (asked.trace) printTrace(readGcTrace(written), measured);
}

function print({ top, out }: Asked, measured: Measured, { busyShare, functions }: SelfTimes): void {
  const { callsPerSecond, latency, foreignCpuShare } = measured;
  console.log(
    `${callsPerSecond.toFixed(0)} calls/s under the profiler, p50 ${latency.p50Ms.toFixed(2)} ms, p99 ${latency.p99Ms.toFixed(2)} ms; others took ${percent(foreignCpuShare)} of a core`,
  );
  console.log(`the main thread was busy ${percent(busyShare)} of the time; of that:`);
  for (const { name, place, share } of functions.slice(0, top)) {
    console.log(`${percent(share).padStart(8)}  ${name}  ${place}`);
  }
  const collecting = functions.find(({ name }) => name === '(garbage collector)')?.share ?? 0;
  console.log(`garbage collection: ${percent(collecting)}`);
  console.log(`profile: ${out}`);
}

function printTrace({ kinds, allocatedMb }: GcTrace, { sent }: Measured): void {
  for (const { kind, count, totalMs, maxMs } of kinds) {
    console.log(
      `${kind}: ${count}, ${totalMs.toFixed(1)} ms in all, ${(totalMs / count).toFixed(2)} ms each, at most ${maxMs.toFixed(2)} ms`,
    );
  }
  const kbOfCall = (allocatedMb * mbToKb) / sent;
  console.log(`allocated: ${allocatedMb.toFixed(0)} MB, about ${kbOfCall.toFixed(1)} KB a call`);
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
