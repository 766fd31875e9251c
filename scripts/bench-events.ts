import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { residentMb } from '../bench/src/run/cpu.ts';
import { MissingBinary } from '../trials/src/parts/binaries.ts';
import { openListener } from './bench-events/listener.ts';
import { type Load, measure, type Stage } from './bench-events/measure.ts';
import { openPublisher } from './bench-events/publisher.ts';
import { type Memory, memoryTable, type Row, tables } from './bench-events/report.ts';
import { type Durability, openServers, type Subject } from './bench-events/servers.ts';

// One publisher and many subscribers: how late events come, how many are delivered in a second, and what
// a subscription takes; beside plain Redis Streams and NATS JetStream. docs/benchmarking.md says how.

const { values } = parseArgs({
  options: {
    /** More, longer. */
    full: { type: 'boolean', default: false },
    subscriptions: { type: 'string', default: '1000' },
    /** Who is measured, separated by commas. */
    subjects: { type: 'string', default: 'weir,redis-streams,nats-jetstream' },
    /** Events published in a second, for the latency. */
    rate: { type: 'string' },
    repetitions: { type: 'string' },
    /** Seconds of each measurement. */
    seconds: { type: 'string' },
    out: { type: 'string', default: join(import.meta.dirname, '../bench/results/events.json') },
  },
});
const SUBSCRIPTIONS = Number(values.subscriptions);
const RATE = Number(values.rate ?? '10');
const REPETITIONS = Number(values.repetitions ?? (values.full ? '7' : '3'));
const SECONDS = Number(values.seconds ?? (values.full ? '15' : '5'));
const DURATION_MS = SECONDS * 1_000;
const BOUNDS = [
  ['subscriptions', SUBSCRIPTIONS, 10_000],
  ['rate', RATE, 10_000],
  ['repetitions', REPETITIONS, 100],
  ['seconds', SECONDS, 3_600],
] as const;
const WARM_UP_MS = 2_000;
/** What opening leaves behind in memory is mostly gone by then. */
const SETTLE_MS = 2_000;
const BYTES_PER_MB = 1024 * 1024;
const DURABILITIES: readonly Durability[] = ['disk', 'system'];

const abort = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => abort.abort());
const unsound = BOUNDS.find(([, value, max]) => !(value >= 1 && value <= max));
try {
  if (unsound === undefined) await run(abort.signal);
  else {
    console.error(`--${unsound[0]} is not a number from 1 to ${unsound[2]}`);
    process.exitCode = 2;
  }
} catch (error) {
  if (!(error instanceof MissingBinary)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}

async function run(signal: AbortSignal): Promise<void> {
  console.log(
    `${SUBSCRIPTIONS} subscriptions, ${RATE} events/s, ${REPETITIONS} repetitions of ${DURATION_MS / 1_000} s`,
  );
  await using servers = await openServers();
  for (const why of servers.missing) console.log(why);
  await using opened = new AsyncDisposableStack();
  const stages: Stage[] = [];
  const memory: Memory[] = [];
  const asked = values.subjects.split(',');
  const subjects = servers.subjects.filter(({ where }) => asked.includes(where.kind));
  for (const subject of subjects) {
    const { publish } = opened.use(await openPublisher(subject.where));
    await publish(Buffer.alloc(0));
    const beforeMb = memoryOf(subject);
    const listening = { where: subject.where, subscriptions: SUBSCRIPTIONS };
    const listener = opened.use(await openListener(listening));
    await sleep(SETTLE_MS);
    const afterMb = memoryOf(subject);
    const bytesPerSubscription = ((afterMb - beforeMb) * BYTES_PER_MB) / SUBSCRIPTIONS;
    memory.push({ subject: subject.where.kind, beforeMb, afterMb, bytesPerSubscription });
    stages.push({ subject, publish, listener, subscriptions: SUBSCRIPTIONS, signal });
  }
  const rows: Row[] = [];
  for (const durability of DURABILITIES)
    rows.push(...(await measureAll(stages, durability, signal)));
  console.log(`\n${tables(rows)}\n\n${memoryTable(memory)}`);
  const settings = { subscriptions: SUBSCRIPTIONS, rate: RATE, durationMs: DURATION_MS };
  await mkdir(dirname(values.out), { recursive: true });
  await writeFile(values.out, JSON.stringify({ settings, rows, memory }, undefined, 2));
  const missing = rows.some(({ atRate, saturated }) =>
    [...atRate, ...saturated].some((one) => one.missing > 0 || one.failed > 0),
  );
  if (missing || signal.aborted) process.exitCode = 1;
}

/** Measures all by turns, each time beginning with another one. */
async function measureAll(
  stages: readonly Stage[],
  durability: Durability,
  signal: AbortSignal,
): Promise<Row[]> {
  const taking: { stage: Stage; row: Row }[] = [];
  for (const stage of stages) {
    const subject = stage.subject.where.kind;
    const keeps = await stage.subject.setDurability(durability);
    if (keeps === undefined) console.log(`${subject} cannot keep events like that: ${durability}`);
    else taking.push({ stage, row: { subject, durability, keeps, atRate: [], saturated: [] } });
  }
  const rate: Load = { kind: 'rate', perSecond: RATE, durationMs: DURATION_MS };
  for (const { stage } of taking) await measure(stage, { ...rate, durationMs: WARM_UP_MS });
  for (let at = 0; at < REPETITIONS; at += 1) {
    const turn = at % taking.length;
    for (const { stage, row } of [...taking.slice(turn), ...taking.slice(0, turn)]) {
      signal.throwIfAborted();
      row.atRate.push(await measure(stage, rate));
      row.saturated.push(await measure(stage, { kind: 'saturation', durationMs: DURATION_MS }));
    }
    console.log(`${durability}: repetition ${at + 1} of ${REPETITIONS} is done`);
  }
  return taking.map(({ row }) => row);
}

function memoryOf({ part: { pid } }: Subject): number {
  return pid === undefined ? Number.NaN : residentMb([pid]);
}
