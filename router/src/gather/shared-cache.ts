import type { Clock, Logger } from '@weir/kit';
import { Redis } from 'ioredis';
import type { CacheEntry } from './entry.ts';
import { defineScripts, type LogPlace, logOf, MARK_KEPT_MS, placesOf } from './forgotten.ts';
import { COMMAND_TIMEOUT_MS, decodeEntry, encodeEntry, type SharedTime } from './shared-entry.ts';

/** The cache that routers share (L2). Whatever is wrong with it is a miss. */
export interface SharedCache extends AsyncDisposable {
  /** The entries under the keys, by position; undefined: a miss. Never rejects. */
  getMany(keys: readonly string[]): Promise<(CacheEntry | undefined)[]>;
  /**
   * Stores an entry in the background, unless an event told that what was under the key is not any more
   * what it was, and these logs were not taken in up to there.
   */
  set(key: string, entry: CacheEntry, known: readonly LogPlace[]): void;
  /** Deletes an entry in the background. */
  delete(key: string): void;
  /** Forgets what is under a key, for an event; until Redis has heard of it, a look-up here is a miss. */
  forget(key: string, event: LogPlace): void;
  /** Forgets all that was stored until now, for this router. */
  forgetAll(): void;
}

/** Is told how the shared cache does, for metrics. It must not throw. */
export interface SharedCacheObserver {
  /** It answers, or can be asked. */
  up(): void;
  /** Something went wrong with it. */
  failed(): void;
}

/** How long the cache is left alone after it failed. */
const REST_MS = 500;
/** How often the time of Redis is asked for. */
const TIME_INTERVAL_MS = 10_000;
const KEY_PREFIX = 'weir:1:';
/** How many keys are remembered that Redis is to forget, while it cannot be reached. */
const TO_FORGET_MAX = 20_000;

/** Opens the shared cache in Redis. Opens also when Redis is away: it is used once it is there. */
export function openRedisCache(options: {
  url: string;
  clock: Clock;
  log: Logger;
  observer?: SharedCacheObserver;
}): SharedCache {
  const { clock, log, observer } = options;
  const redis = new Redis(options.url, {
    commandTimeout: COMMAND_TIMEOUT_MS,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (times) => Math.min(times * 100, 2_000),
  });
  defineScripts(redis);
  let restUntilMs = Number.NEGATIVE_INFINITY;
  let failing = false;
  const onFailure = (error: Error) => {
    restUntilMs = clock.monotonicMs() + REST_MS;
    observer?.failed();
    if (!failing) log.warn({ err: error.message }, 'the shared cache fails; going on without it');
    failing = true;
  };
  const onSuccess = () => {
    if (failing) log.info('the shared cache is back');
    failing = false;
    observer?.up();
  };
  let aheadMs: number | undefined;
  const learnTime = () =>
    timeAhead(redis, clock).then((learntMs) => {
      aheadMs = learntMs;
    }, onFailure);
  const rested = () => redis.status === 'ready' && clock.monotonicMs() >= restUntilMs;
  /** How far ahead of our clock Redis's is; undefined when Redis is not to be asked now. */
  const usable = () => (rested() ? aheadMs : undefined);

  /** What Redis has not heard of yet. */
  const toForget = new Map<string, LogPlace>();
  /** What was confirmed before is forgotten. */
  let forgottenUpToMs = Number.NEGATIVE_INFINITY;
  const tell = (key: string, event: LogPlace) => {
    if (!rested()) return;
    const position = String(event.position);
    redis.weirForget(KEY_PREFIX + key, MARK_KEPT_MS, logOf(event), position).then(() => {
      if (toForget.get(key) === event) toForget.delete(key);
      onSuccess();
    }, onFailure);
  };
  const retrying = setInterval(() => {
    for (const [key, event] of toForget) tell(key, event);
  }, REST_MS);
  retrying.unref();
  const forgetAll = () => {
    forgottenUpToMs = clock.monotonicMs();
    toForget.clear();
  };

  redis.on('error', onFailure);
  redis.on('ready', () => {
    observer?.up();
    // It may be another server, with another time.
    aheadMs = undefined;
    void learnTime();
  });
  const learning = setInterval(() => {
    if (redis.status === 'ready') void learnTime();
  }, TIME_INTERVAL_MS);
  learning.unref();

  /** Undefined also of what was forgotten. */
  const decoded = (key: string, value: Buffer | null | undefined, time: SharedTime) => {
    const entry = value && !toForget.has(key) ? decodeEntry(key, value, time) : undefined;
    return entry && entry.confirmedAtMs > forgottenUpToMs ? entry : undefined;
  };
  return {
    async getMany(keys) {
      const time = { clock, aheadMs: usable() };
      if (!isKnown(time)) return keys.map(() => undefined);
      try {
        const values = await redis.mgetBuffer(keys.map((key) => KEY_PREFIX + key));
        onSuccess();
        return keys.map((key, at) => decoded(key, values[at], time));
      } catch (error) {
        onFailure(error as Error);
        return keys.map(() => undefined);
      }
    },
    set(key, entry, known) {
      const time = { clock, aheadMs: usable() };
      if (!isKnown(time) || toForget.has(key)) return;
      const keptMs = Math.ceil(entry.ttlMs + entry.staleMs);
      const bytes = encodeEntry(key, entry, time);
      if (!bytes) return;
      const places = placesOf(known);
      redis.weirSet(KEY_PREFIX + key, bytes, keptMs, ...places).then(onSuccess, onFailure);
    },
    delete(key) {
      if (rested()) redis.weirDelete(KEY_PREFIX + key).then(onSuccess, onFailure);
    },
    forget(key, event) {
      if (toForget.size >= TO_FORGET_MAX) forgetAll();
      toForget.set(key, event);
      tell(key, event);
    },
    forgetAll,
    async [Symbol.asyncDispose]() {
      clearInterval(learning);
      clearInterval(retrying);
      redis.disconnect();
    },
  };
}

function isKnown(time: Pick<SharedTime, 'clock'> & { aheadMs: unknown }): time is SharedTime {
  return time.aheadMs !== undefined;
}

async function timeAhead(redis: Redis, clock: Clock): Promise<number> {
  const askedMs = clock.monotonicMs();
  const [seconds, micros] = await redis.time();
  const midMs = (askedMs + clock.monotonicMs()) / 2;
  return Number(seconds) * 1000 + Number(micros) / 1000 - midMs;
}
