import { setTimeout as sleep } from 'node:timers/promises';
import type { Weir } from '@weir/sdk';
import { openClients, turned } from '../../parts/clients.ts';
import type { Crash } from '../../parts/part.ts';
import { until } from '../../parts/topology.ts';
import { type Breaking, breakThings } from '../break-things.ts';
import { mendAll } from '../faults.ts';
import { createRandom } from '../random.ts';
import type { Fault } from '../schedule.ts';
import { type PublishLog, publishAll } from './publish.ts';
import { type EventPlant, type Subscriber, subscribe } from './subscriber.ts';
import type { EventWorld } from './world.ts';

/** How a trial of events runs. */
export interface EventOptions extends Breaking {
  readonly seed: number;
  /** How many events are published. */
  readonly events: number;
  /** A fault to plant, which the checker must count. */
  readonly plant?: EventPlant | undefined;
}

/** A trial of events that is over. */
export interface EventRun {
  /** What was done of the schedule. */
  readonly done: readonly Fault[];
  readonly publishers: readonly PublishLog[];
  readonly subscribers: readonly Subscriber[];
  /** Ends of parts that nobody asked for. */
  readonly crashes: readonly Crash[];
  /** From when all was mended until all was published and had come; null: not all did. */
  readonly recoveredMs: number | null;
}

const PUBLISHERS = 8;
const SUBSCRIBERS = 10;
/** How long nobody is told anything before it is held to be stuck. */
const STILL_MAX_MS = 60_000;
const LOOK_MS = 100;
const BEGIN_MAX_MS = 30_000;
const TOLD_EVERY_MS = 10_000;

/** Publishes and subscribes while the schedule breaks things; then all is mended, and what is left comes. */
export async function runEvents(world: EventWorld, options: EventOptions): Promise<EventRun> {
  const { parts } = world;
  const crashedBefore = new Map([...parts].map(([name, part]) => [name, part.crashes.length]));
  await using clients = openClients(world.topology.adminKey);
  const open = (index: number) => clients.open(turned(world.urls, index));
  const topic = `trial.s${options.seed}t${Math.round(performance.now())}`;
  const stop = new AbortController();
  const subscribers = startSubscribers(open, topic, { ...options, signal: stop.signal });
  using _telling = tellProgress(subscribers, options);
  let done: Fault[] = [];
  let recoveredMs: number | null = null;
  const publishers: Promise<PublishLog>[] = [];
  try {
    const haveAllBegun = () => subscribers.every(({ hasBegun }) => hasBegun);
    await until(haveAllBegun, 'all have begun', BEGIN_MAX_MS);
    publishers.push(...startPublishers(open, topic, { ...options, signal: stop.signal }));
    done = await breakUntilPublished(world, options, publishers);
    await mendAll(world);
    options.tell('all is mended');
    const mendedMs = performance.now();
    const number = options.events + 1;
    const last = { publishers: [...publishers], topic, number, signal: stop.signal };
    publishers.push(publishLast(open(0), last));
    const isTold = await untilTold(subscribers, number, options.signal);
    if (isTold) recoveredMs = performance.now() - mendedMs;
  } finally {
    stop.abort();
    await Promise.all([...publishers, ...subscribers.map((one) => one.done)]);
  }
  const crashes = [...parts.values()].flatMap(({ name, crashes: all }) =>
    all.slice(crashedBefore.get(name)),
  );
  return { done, publishers: await Promise.all(publishers), subscribers, crashes, recoveredMs };
}

/** Breaks things as long as events are published, and as long as was asked for at least. */
async function breakUntilPublished(
  world: EventWorld,
  options: EventOptions,
  publishers: readonly Promise<PublishLog>[],
): Promise<Fault[]> {
  const { durationMs, schedule, signal } = options;
  const enough = new AbortController();
  const least = sleep(durationMs, undefined, { signal }).catch(() => {});
  void Promise.all([...publishers, least]).then(() => enough.abort());
  const longestMs = Math.max(durationMs, ...schedule.map(({ untilMs }) => untilMs));
  const either = AbortSignal.any([signal, enough.signal]);
  return await breakThings(world, { ...options, durationMs: longestMs, signal: either });
}

/** Says now and then how far all have come. */
function tellProgress(
  subscribers: readonly Subscriber[],
  { events, tell }: EventOptions,
): Disposable {
  const timer = setInterval(() => {
    const counts = subscribers.map(({ ledger }) => ledger.count);
    tell(`told ${Math.min(...counts)} to ${Math.max(...counts)} of ${events} events`);
  }, TOLD_EVERY_MS);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/** Opens a client, which begins with one router or the other. */
type Open = (index: number) => Weir;
type Share = Pick<EventOptions, 'seed' | 'events' | 'durationMs' | 'plant' | 'signal'>;

function startSubscribers(open: Open, topic: string, { seed, plant, signal }: Share): Subscriber[] {
  return Array.from({ length: SUBSCRIBERS }, (_, index) => {
    const random = createRandom(seed * 1_000 + index);
    const name = `subscriber-${index + 1}`;
    const own = index === 0 ? plant : undefined;
    return subscribe(open(index), { name, topic, random, plant: own, signal });
  });
}

function startPublishers(
  open: Open,
  topic: string,
  { seed, events, durationMs, signal }: Share,
): Promise<PublishLog>[] {
  const startMs = performance.now();
  const dueMs = (number: number) => startMs + (number * durationMs) / events;
  return Array.from({ length: PUBLISHERS }, (_, index) => {
    const all = Array.from({ length: events }, (_one, at) => at + 1);
    const numbers = all.filter((number) => number % PUBLISHERS === index);
    const random = createRandom(seed * 1_000 + SUBSCRIBERS + index);
    return publishAll(open(index), { topic, numbers, dueMs, random, signal });
  });
}

interface LastEvent {
  /** Those who publish all that comes before it. */
  readonly publishers: readonly Promise<PublishLog>[];
  readonly topic: string;
  readonly number: number;
  readonly signal: AbortSignal;
}

/** Resolves when all were told of an event; false: nobody was told anything for long, or it was to end. */
async function untilTold(
  subscribers: readonly Subscriber[],
  number: number,
  signal: AbortSignal,
): Promise<boolean> {
  let told = 0;
  let changedMs = performance.now();
  while (!subscribers.every(({ ledger }) => ledger.has(number))) {
    const now = subscribers.reduce((sum, { ledger }) => sum + ledger.count, 0);
    if (now !== told) changedMs = performance.now();
    told = now;
    if (signal.aborted || performance.now() - changedMs > STILL_MAX_MS) return false;
    await sleep(LOOK_MS);
  }
  return true;
}

/** Whoever hears the last event has heard all before it, or never will. */
async function publishLast(
  weir: Weir,
  { publishers, topic, number, signal }: LastEvent,
): Promise<PublishLog> {
  await Promise.all(publishers);
  const random = createRandom(number);
  return publishAll(weir, { topic, numbers: [number], dueMs: () => 0, random, signal });
}
