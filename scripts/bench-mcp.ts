import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { cpuUse, readCpu, withChildren } from '../bench/src/run/cpu.ts';
import { againMax, undisturbed } from '../bench/src/run/undisturbed.ts';
import { MissingBinary } from '../trials/src/parts/binaries.ts';
import { openTopology, type Topology } from '../trials/src/parts/topology.ts';
import { measureLists } from './bench-mcp/lists.ts';
import { runLoad } from './bench-mcp/load.ts';
import { listsTable, type Measured, type Row, tables } from './bench-mcp/report.ts';
import { type LoadSpec, type Operation, operations, VALUE } from './bench-mcp/spec.ts';
import {
  gateways,
  openDirect,
  openGateway,
  openWeir,
  type Subject,
  type Upstream,
} from './bench-mcp/subjects.ts';
import { middle } from './tables.ts';

// Calls of tools and reads of resources of 1 KB: of a server itself, through Weir with policies and the
// journal on, and through other gateways; how many in a second, and how late. docs/benchmarking.md says how.

const { values } = parseArgs({
  options: {
    /** Who is measured, separated by commas. */
    subjects: { type: 'string', default: `direct,weir,${Object.keys(gateways).join(',')}` },
    operations: { type: 'string', default: operations.join(',') },
    /** How Weir reaches the server. */
    upstream: { type: 'string', default: 'stdio' },
    /** Where the other gateways are installed. */
    gateways: {
      type: 'string',
      default: join(import.meta.dirname, '../node_modules/.cache/gateways'),
    },
    concurrency: { type: 'string', default: '16' },
    repetitions: { type: 'string', default: '3' },
    /** Seconds of each measurement. */
    seconds: { type: 'string', default: '5' },
    /** How often a measurement is made again because others were at work. */
    again: { type: 'string', default: `${againMax}` },
    /** Providers with 1,000 tools each, of which groups are listed. */
    many: { type: 'string', default: '5' },
    out: { type: 'string', default: join(import.meta.dirname, '../bench/results/mcp.json') },
  },
});

const BOUNDS = { concurrency: 1_000, repetitions: 100, seconds: 3_600, many: 20 } as const;
/** A process that has just begun does a third of what it can do once its code is compiled. */
const WARM_UP_MS = 10_000;
/** Of what Weir does at most in a second. */
const HALF = 0.5;

class UsageError extends Error {}

const abort = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => abort.abort());
try {
  await run(settingsOf(), abort.signal);
} catch (error) {
  // Whoever broke it off knows why.
  if (abort.signal.aborted) process.exitCode = 1;
  else if (error instanceof MissingBinary || error instanceof UsageError) {
    console.error(error.message);
    process.exitCode = 2;
  } else throw error;
}

interface Settings {
  readonly subjects: readonly string[];
  readonly operations: readonly Operation[];
  readonly upstream: Upstream;
  readonly concurrency: number;
  readonly repetitions: number;
  readonly durationMs: number;
  readonly many: number;
}

/** Throws UsageError. */
function settingsOf(): Settings {
  const numbers = Object.entries(BOUNDS).map(([name, max]) => {
    const value = Number(values[name as keyof typeof BOUNDS]);
    if (!(value >= 1 && value <= max)) {
      throw new UsageError(`--${name} is not a number from 1 to ${max}`);
    }
    return [name, value] as const;
  });
  const { concurrency, repetitions, seconds, many } = Object.fromEntries(numbers) as {
    [K in keyof typeof BOUNDS]: number;
  };
  const { upstream } = values;
  if (upstream !== 'stdio' && upstream !== 'http') {
    throw new UsageError('--upstream is neither stdio nor http');
  }
  const asked = values.operations.split(',');
  return {
    subjects: values.subjects.split(','),
    operations: operations.filter((operation) => asked.includes(operation)),
    ...{ upstream, concurrency, repetitions, many, durationMs: seconds * 1_000 },
  };
}

async function run(settings: Settings, signal: AbortSignal): Promise<void> {
  await using topology = await openTopology({
    registries: 1,
    routers: 1,
    env: { WEIR_LOG_LEVEL: 'warn' },
  });
  const subjects = await openSubjects(topology, settings);
  const rows: Row[] = [];
  for (const subject of subjects) {
    for (const operation of settings.operations) {
      const request = subject.requests[operation];
      if (!request) continue;
      rows.push({ subject: subject.name, operation, saturated: [], atRate: [] });
      await measure(subject, operation, { ...settings, signal, durationMs: WARM_UP_MS });
    }
  }
  const find = (name: string) => subjects.find((subject) => subject.name === name) as Subject;
  // All at full load first: the rate of all others comes of it.
  await inTurns(rows, settings.repetitions, async (row) => {
    row.saturated.push(await measure(find(row.subject), row.operation, { ...settings, signal }));
  });
  const rateOf = (operation: Operation) => HALF * saturation(rows, 'weir', operation);
  // Who cannot do so much has no times at it.
  const able = rows.filter(
    ({ subject, operation }) => saturation(rows, subject, operation) > rateOf(operation),
  );
  await inTurns(able, settings.repetitions, async (row) => {
    const perSecond = rateOf(row.operation);
    const load = { kind: 'rate' as const, perSecond };
    row.atRate.push(await measure(find(row.subject), row.operation, { ...settings, signal, load }));
  });
  const lists = await measureLists(topology, settings.many, signal);
  console.log(`\n${tables(rows, rateOf)}\n\n${listsTable(lists)}`);
  await mkdir(dirname(values.out), { recursive: true });
  await writeFile(values.out, JSON.stringify({ settings, rows, lists }, undefined, 2));
  const all = rows.flatMap(({ saturated, atRate }) => [...saturated, ...atRate]);
  for (const { fault } of [...all, ...lists]) {
    if (fault === undefined) continue;
    console.log(`failed: ${fault}`);
    process.exitCode = 1;
  }
}

/** Each after the other, every time beginning with another one. */
async function inTurns(
  rows: readonly Row[],
  repetitions: number,
  take: (row: Row) => Promise<void>,
): Promise<void> {
  for (let at = 0; at < repetitions; at += 1) {
    const turn = at % rows.length;
    for (const row of [...rows.slice(turn), ...rows.slice(0, turn)]) await take(row);
    console.log(`repetition ${at + 1} of ${repetitions} is done`);
  }
}

function saturation(rows: readonly Row[], subject: string, operation: Operation): number {
  const row = rows.find((one) => one.subject === subject && one.operation === operation);
  return middle(row?.saturated.map(({ callsPerSecond }) => callsPerSecond) ?? []);
}

async function openSubjects(topology: Topology, settings: Settings): Promise<Subject[]> {
  const { subjects: asked, upstream } = settings;
  const subjects: Subject[] = [];
  if (asked.includes('direct')) subjects.push(await openDirect(topology));
  if (asked.includes('weir')) subjects.push(await openWeir(topology, upstream));
  const folder = values.gateways;
  for (const [name, version] of Object.entries(gateways)) {
    if (!asked.includes(name)) continue;
    const opened = await openGateway(topology, { name: name as keyof typeof gateways, folder });
    if (opened) subjects.push(opened);
    else {
      const install = `npm install --prefix ${folder} ${name}@${version}`;
      console.log(`${name} is left out, for it is not installed: ${install}`);
    }
  }
  return subjects;
}

/** How one measurement is made. */
interface Measuring extends Settings {
  readonly signal: AbortSignal;
  readonly load?: LoadSpec['load'];
}

/** Measures until others took little enough of the machine meanwhile. */
function measure(
  { url, headers, requests, parts }: Subject,
  operation: Operation,
  { load, concurrency, durationMs, signal }: Measuring,
): Promise<Measured> {
  const request = requests[operation];
  if (!request) throw new Error(`there is no ${operation}`);
  const spec: LoadSpec = {
    ...{ url, headers, request, marker: VALUE, connections: concurrency, durationMs },
    load: load ?? { kind: 'concurrency', calls: concurrency },
  };
  return undisturbed(
    async () => {
      const pids = withChildren(parts.flatMap(({ pid }) => (pid === undefined ? [] : [pid])));
      const before = readCpu(pids);
      const result = await runLoad(spec, signal);
      const { subjectSeconds, foreignShare } = cpuUse(before, readCpu(pids));
      const calls = (result.callsPerSecond * durationMs) / 1_000;
      return { ...result, cpuUs: (subjectSeconds * 1e6) / calls, foreignCpuShare: foreignShare };
    },
    { againMax: Number(values.again) },
  );
}
