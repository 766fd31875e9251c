import { setTimeout as sleep } from 'node:timers/promises';
import { cpuUse, readCpu } from '../../bench/src/run/cpu.ts';
import type { Listener } from './listener.ts';
import type { Publish } from './publisher.ts';
import type { Subject } from './servers.ts';
import { dataOf, nowMs, type Taken } from './spec.ts';

/** What is measured: one publisher, and those who listen. */
export interface Stage {
  readonly subject: Subject;
  readonly publish: Publish;
  readonly listener: Listener;
  readonly subscriptions: number;
  readonly signal: AbortSignal;
}

/** What one measurement came to. */
export interface Measurement extends Omit<Taken, 'cpuSeconds'> {
  readonly published: number;
  /** Publishes that failed. */
  readonly failed: number;
  readonly deliveriesPerSecond: number;
  /** Deliveries of acknowledged events that did not come in time. */
  readonly missing: number;
  /** The processor that the process which serves subscriptions took for a delivery, in microseconds. */
  readonly microsEach: number;
  /** Shares of a core: the subject's processes, the publisher, who listens, and all others here. */
  readonly cpu: {
    readonly subject: number;
    readonly publisher: number;
    readonly listener: number;
    readonly foreign: number;
  };
}

/** How events are published: at a rate, come what may, or as quickly as they are delivered. */
export type Load =
  | { readonly kind: 'rate'; readonly perSecond: number; readonly durationMs: number }
  | { readonly kind: 'saturation'; readonly durationMs: number };

const REST_MAX_MS = 20_000;
const LOOK_MS = 5;
/** Events under way to everybody, at saturation: well below what Weir takes for a slow subscriber. */
const UNDER_WAY = 32;

/** Measures one load. */
export async function measure(stage: Stage, load: Load): Promise<Measurement> {
  const { subject, listener, subscriptions, signal } = stage;
  await listener.take();
  const pids = subject.parts.flatMap(({ pid }) => (pid === undefined ? [] : [pid]));
  const serving = subject.part.pid === undefined ? [] : [subject.part.pid];
  const before = readCpu(pids);
  const servedBefore = readCpu(serving);
  const own = process.cpuUsage();
  const startMs = performance.now();
  const sent = load.kind === 'rate' ? await atRate(stage, load) : await asQuickly(stage, load);
  const { published, failed } = sent;
  const expected = published * subscriptions;
  for (const endMs = performance.now() + REST_MAX_MS; listener.deliveries < expected; ) {
    if (performance.now() > endMs || signal.aborted) break;
    await sleep(LOOK_MS);
  }
  const seconds = (performance.now() - startMs) / 1_000;
  const after = readCpu(pids);
  const served = cpuUse(servedBefore, readCpu(serving));
  const { user, system } = process.cpuUsage(own);
  const { cpuSeconds, ...taken } = await listener.take();
  const { subjectSeconds, foreignShare } = cpuUse(before, after);
  return {
    ...{ published, failed },
    ...taken,
    deliveriesPerSecond: taken.deliveries / seconds,
    missing: Math.max(0, expected - taken.deliveries),
    microsEach: (served.subjectSeconds * 1e6) / taken.deliveries,
    cpu: {
      subject: subjectSeconds / seconds,
      publisher: (user + system) / 1e6 / seconds,
      listener: cpuSeconds / seconds,
      foreign: foreignShare,
    },
  };
}

interface Sent {
  readonly published: number;
  readonly failed: number;
}

/** At times fixed beforehand; how late a delivery is counts from them. */
async function atRate(
  { publish, signal }: Stage,
  { perSecond, durationMs }: Extract<Load, { kind: 'rate' }>,
): Promise<Sent> {
  const startMs = nowMs();
  const publishing: Promise<boolean>[] = [];
  for (let at = 0; at < (perSecond * durationMs) / 1_000 && !signal.aborted; at += 1) {
    const dueMs = startMs + (at * 1_000) / perSecond;
    const early = dueMs - nowMs();
    if (early > 0) await sleep(early);
    publishing.push(isDone(publish(dataOf(dueMs))));
  }
  return sentOf(await Promise.all(publishing));
}

/** As many as are delivered, with some under way. */
async function asQuickly(
  { publish, listener, subscriptions, signal }: Stage,
  { durationMs }: Extract<Load, { kind: 'saturation' }>,
): Promise<Sent> {
  const endMs = performance.now() + durationMs;
  const done: boolean[] = [];
  let begun = 0;
  while (performance.now() < endMs && !signal.aborted) {
    const delivered = listener.deliveries / subscriptions;
    const some: Promise<boolean>[] = [];
    while (begun - delivered < UNDER_WAY) {
      begun += 1;
      some.push(isDone(publish(dataOf(nowMs()))));
    }
    done.push(...(await Promise.all(some)));
    if (some.length === 0) await sleep(1);
  }
  return sentOf(done);
}

function isDone(publishing: Promise<unknown>): Promise<boolean> {
  return publishing.then(
    () => true,
    () => false,
  );
}

function sentOf(all: readonly boolean[]): Sent {
  const published = all.filter(Boolean).length;
  return { published, failed: all.length - published };
}
