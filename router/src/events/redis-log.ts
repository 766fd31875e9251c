import { type Logger, reasonOf, refuse, WeirError } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import {
  type Appending,
  callAgain,
  type EventLog,
  type Followed,
  unreachable,
} from './event-log.ts';
import { appendEvents } from './redis/append-events.ts';
import { connectLog, type LogRedis } from './redis/connect.ts';
import {
  appendFault,
  createHealth,
  type Health,
  notDurable,
  unlessAborted,
} from './redis/faults.ts';
import { readGroup, writeGroup } from './redis/groups.ts';
import { type Kept, keptDefaults } from './redis/kept.ts';
import { createKeys, KEY_PREFIX, type Keys } from './redis/keys.ts';
import type { LogObserver } from './redis/observe.ts';
import { readPart, requireNext } from './redis/read-log.ts';
import { openTending, type Tending } from './redis/tend.ts';
import { listenFor, type Wakes } from './redis/wakes.ts';

/** What one message has, as those of the registry; the last event may go beyond the bytes. */
const EVENTS_MAX = 256;
const EVENTS_MAX_BYTES = 1024 * 1024;
/** A wake-up can be missed; who follows is promised a message a second. */
const LOOK_MS = 900;
/** How many requests wait for Redis to commit them. */
const APPENDING_MAX = 1_000;
const RETRY_MS = 1_000;

/** What a log in Redis needs. */
export interface RedisLogOptions {
  /** Where Redis is, such as `redis://host:6379`. */
  readonly url: string;
  readonly log: Logger;
  /** Whether nothing is taken that a crash of Redis could lose. Default: it is taken, and said. */
  readonly durable?: boolean;
  readonly observer?: LogObserver;
  /** What is kept of each tenant. Default: 7 days, or 1 GiB. */
  readonly kept?: Kept;
  /** What its keys begin with. Default: `weir:events:1:`. */
  readonly prefix?: string;
}

interface Open {
  readonly writing: LogRedis;
  readonly reading: LogRedis;
  readonly wakes: Wakes;
  readonly keys: Keys;
  readonly kept: Kept;
  readonly health: Health;
  readonly tending: Tending;
  readonly durable: boolean;
  /** Resolves when it was tried to connect. */
  readonly tried: Promise<unknown>;
  /** How many requests wait. */
  appending: number;
}

/** Opens the logs in Redis. Opens also when Redis is away: what is asked meanwhile is refused. */
export function openRedisLog(options: RedisLogOptions): EventLog & AsyncDisposable {
  const { url, log, observer, durable = false, kept = keptDefaults } = options;
  const [writing, reading, hearing] = [connectLog(url), connectLog(url), connectLog(url)];
  const keys = createKeys(options.prefix ?? KEY_PREFIX);
  const health = createHealth(log, observer);
  writing.on('error', (error) => health.failed('written', error));
  reading.on('error', (error) => health.failed('read', error));
  // The others tell of it.
  hearing.on('error', () => {});
  writing.on('ready', () => health.well('written'));
  const tending = openTending({ redis: writing, hearing, keys, kept, log, observer, health });
  const tried = Promise.all([firstTry(writing), firstTry(reading)]);
  const wakes = listenFor(keys.channel, hearing, log);
  const open = { writing, reading, wakes, keys, kept, health, tending, durable, tried };
  return {
    ...logOf({ ...open, appending: 0 }),
    async [Symbol.asyncDispose]() {
      await tending[Symbol.asyncDispose]();
      for (const redis of [writing, reading, hearing]) redis.disconnect();
    },
  };
}

function firstTry(redis: LogRedis): Promise<void> {
  return new Promise((resolve) => {
    for (const event of ['ready', 'close', 'end']) redis.once(event, resolve);
  });
}

function logOf(open: Open): EventLog {
  const { reading, keys } = open;
  return {
    append: (appending, signal) => append(open, appending, signal),
    async appendInOrder(appendings, signal) {
      let refused: unknown;
      for (const appending of appendings) {
        try {
          await append(open, appending, signal);
        } catch (error) {
          if (reasonOf(error) !== Reason.ALREADY_EXISTS) throw error;
          refused ??= error;
        }
      }
      if (refused !== undefined) throw refused;
    },
    async state(tenant, signal) {
      const part = { after: 0n, events: 0, bytes: 0 };
      return (await asked(open, signal, () => readPart(reading, keys.of(tenant), part))).state;
    },
    follow: (tenant, after, signal) => follow(open, { tenant, after }, signal),
    readGroup: (tenant, name, signal) =>
      asked(open, signal, () => readGroup(reading, keys.of(tenant), name), callAgain),
    writeGroup(tenant, name, group, signal) {
      const write = { ...group, name, kept: open.kept };
      return asked(open, signal, () => writeGroup(open.writing, keys.of(tenant), write), callAgain);
    },
  };
}

async function append(open: Open, appending: Appending, signal: AbortSignal) {
  if (appending.events.length === 0) {
    throw refuse(Reason.BATCH_EMPTY, 'events is empty; give 1 or more');
  }
  if (open.appending >= APPENDING_MAX) throw overloaded();
  await unlessAborted(open.tried, signal);
  const { writing, health, durable, tending } = open;
  if (writing.status !== 'ready') throw appendFault(new Error(`it is ${writing.status}`), false);
  if (durable && tending.promised?.fsync !== 'always') throw notDurable();
  open.appending += 1;
  const appended = appendEvents(writing, open, appending).finally(() => {
    open.appending -= 1;
  });
  try {
    const done = await unlessAborted(appended, signal);
    health.well('written');
    return done;
  } catch (error) {
    if (signal.aborted || error instanceof WeirError) throw error;
    health.failed('written', error);
    throw appendFault(error, true);
  }
}

async function* follow(
  open: Open,
  { tenant, after }: { readonly tenant: string; readonly after: bigint },
  signal: AbortSignal,
): AsyncGenerator<Followed> {
  const most = { events: EVENTS_MAX, bytes: EVENTS_MAX_BYTES };
  const keys = open.keys.of(tenant);
  let position = after;
  let epoch: string | undefined;
  for (;;) {
    // Waiting begins before the log is read: what is committed in between wakes too.
    using waiting = open.wakes.wait(tenant, LOOK_MS);
    const part = { after: position, ...most };
    const read = await asked(open, signal, () => readPart(open.reading, keys, part));
    requireNext(read, { position, epoch });
    const { state, events } = read;
    position = events.at(-1)?.position ?? position;
    epoch = state.epoch;
    yield { events, epoch };
    if (position >= state.head) await unlessAborted(waiting.woken, signal);
  }
}

/** Asks Redis for what can be asked again. */
async function asked<T>(
  { tried, health }: Open,
  signal: AbortSignal,
  ask: () => Promise<T>,
  text?: string,
): Promise<T> {
  try {
    await unlessAborted(tried, signal);
    const answer = await unlessAborted(ask(), signal);
    health.well('read');
    return answer;
  } catch (error) {
    if (signal.aborted || error instanceof WeirError) throw error;
    health.failed('read', error);
    throw unreachable(text, error);
  }
}

function overloaded() {
  const text = 'too many requests wait for their events to be committed; try again';
  return refuse(Reason.OVERLOADED, text, { retryDelayMs: RETRY_MS });
}
