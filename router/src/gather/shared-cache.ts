import { crc32 } from 'node:zlib';
import type { Clock, Logger } from '@weir/kit';
import type { Sensitivity } from '@weir/sdk/gen/weir/context/v1/context_pb';
import { Redis } from 'ioredis';
import type { CacheEntry } from './entry.ts';

/** The cache that routers share (L2). Whatever is wrong with it is a miss. */
export interface SharedCache extends AsyncDisposable {
  /** The entries under the keys, by position; undefined: a miss. Never rejects. */
  getMany(keys: readonly string[]): Promise<(CacheEntry | undefined)[]>;
  /** Stores an entry in the background. */
  set(key: string, entry: CacheEntry): void;
  /** Forgets an entry in the background. */
  delete(key: string): void;
}

/** Is told how the shared cache does, for metrics. It must not throw. */
export interface SharedCacheObserver {
  /** It answers, or can be asked. */
  up(): void;
  /** Something went wrong with it. */
  failed(): void;
}

/** How long a look-up may take before it counts as a miss. */
const COMMAND_TIMEOUT_MS = 100;
/** How long the cache is left alone after it failed. */
const REST_MS = 500;
/** How often the time of Redis is asked for. */
const TIME_INTERVAL_MS = 10_000;
/** How far ahead of now an entry may lie: what it took to ask for the time, twice. */
const TIME_TOLERANCE_MS = 2 * COMMAND_TIMEOUT_MS;
const KEY_PREFIX = 'weir:1:';
const FORMAT = 6;
/** The value lies in the blob store; the field tells which it is. */
const FORMAT_LARGE = 7;
const HEADER_BYTES = 60;
const FACTS_MAX_BYTES = 65_535;

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
  const rested = () => redis.status === 'ready' && clock.monotonicMs() >= restUntilMs;
  /** How far ahead of our clock Redis's is; undefined when Redis is not to be asked now. */
  const usable = () => (rested() ? aheadMs : undefined);

  return {
    async getMany(keys) {
      const time = { clock, aheadMs: usable() };
      if (!isKnown(time)) return keys.map(() => undefined);
      try {
        const values = await redis.mgetBuffer(keys.map((key) => KEY_PREFIX + key));
        onSuccess();
        return values.map((value, i) =>
          value ? decodeEntry(keys[i] as string, value, time) : undefined,
        );
      } catch (error) {
        onFailure(error as Error);
        return keys.map(() => undefined);
      }
    },
    set(key, entry) {
      const time = { clock, aheadMs: usable() };
      if (!isKnown(time)) return;
      const keptMs = Math.ceil(entry.ttlMs + entry.staleMs);
      const bytes = encodeEntry(key, entry, time);
      if (!bytes) return;
      redis.set(KEY_PREFIX + key, bytes, 'PX', keptMs).then(onSuccess, onFailure);
    },
    delete(key) {
      if (rested()) redis.del(KEY_PREFIX + key).then(onSuccess, onFailure);
    },
    async [Symbol.asyncDispose]() {
      clearInterval(learning);
      redis.disconnect();
    },
  };
}

/**
 * The clock that the times of entries are on: Redis's, which all routers share, whatever the
 * clocks of their machines say.
 */
export interface SharedTime {
  readonly clock: Clock;
  /** How far ahead of our monotonic clock it is. */
  readonly aheadMs: number;
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

/**
 * An entry in Redis: format (1 byte; 7 when the value lies in the blob store), sensitivity (1),
 * item offset (1), etag length (1), CRC-32 of the key and the rest (4), confirmation time in
 * milliseconds of Redis's clock (8, float), ttl (8, float), stale (8, float), validity (8, float), completeness
 * (8, float), judgement (8, float), length of the notes (2) and of the facts (2), all big-endian; then the
 * notes as lines, the facts as JSON of labels and owner, the etag, all in UTF-8, the field.
 * Undefined: it has more facts than there is room for, and is not shared.
 */
export function encodeEntry(
  key: string,
  entry: CacheEntry,
  { aheadMs }: SharedTime,
): Buffer | undefined {
  const etag = Buffer.from(entry.etag);
  const { validity, completeness, judgement } = entry.judged;
  const notes = Buffer.from(entry.judged.notes.join('\n'));
  const facts = Buffer.from(JSON.stringify([entry.facts.labels, entry.facts.owner]));
  if (facts.length > FACTS_MAX_BYTES) return undefined;
  const factsAt = HEADER_BYTES + notes.length;
  const etagAt = factsAt + facts.length;
  const fieldAt = etagAt + etag.length;
  const bytes = Buffer.alloc(fieldAt + entry.field.length);
  bytes[0] = entry.large ? FORMAT_LARGE : FORMAT;
  bytes[1] = entry.facts.sensitivity;
  bytes[2] = entry.itemOffset;
  bytes[3] = etag.length;
  bytes.writeDoubleBE(entry.confirmedAtMs + aheadMs, 8);
  bytes.writeDoubleBE(entry.ttlMs, 16);
  bytes.writeDoubleBE(entry.staleMs, 24);
  bytes.writeDoubleBE(validity, 32);
  bytes.writeDoubleBE(completeness, 40);
  bytes.writeDoubleBE(judgement, 48);
  bytes.writeUInt16BE(notes.length, 56);
  bytes.writeUInt16BE(facts.length, 58);
  notes.copy(bytes, HEADER_BYTES);
  facts.copy(bytes, factsAt);
  etag.copy(bytes, etagAt);
  bytes.set(entry.field, fieldAt);
  bytes.writeUInt32BE(checksum(key, bytes), 4);
  return bytes;
}

/** The entry of a key that bytes hold; undefined when they hold anything else. */
export function decodeEntry(
  key: string,
  bytes: Buffer,
  { clock, aheadMs }: SharedTime,
): CacheEntry | undefined {
  const large = bytes[0] === FORMAT_LARGE;
  if (bytes.length < HEADER_BYTES || (bytes[0] !== FORMAT && !large)) return undefined;
  if (bytes.readUInt32BE(4) !== checksum(key, bytes)) return undefined;
  const factsAt = HEADER_BYTES + bytes.readUInt16BE(56);
  const etagAt = factsAt + bytes.readUInt16BE(58);
  const fieldAt = etagAt + (bytes[3] ?? 0);
  const notes = bytes.toString('utf8', HEADER_BYTES, factsAt);
  const [labels, owner] = JSON.parse(bytes.toString('utf8', factsAt, etagAt)) as [
    Record<string, string>,
    string,
  ];
  const nowMs = clock.monotonicMs();
  const confirmedAtMs = bytes.readDoubleBE(8) - aheadMs;
  // Redis's clock was set back since: nobody knows how old it is.
  if (confirmedAtMs > nowMs + TIME_TOLERANCE_MS) return undefined;
  return {
    field: new Uint8Array(bytes.subarray(fieldAt)),
    itemOffset: bytes[2] ?? 0,
    negative: false,
    large,
    etag: bytes.toString('utf8', etagAt, fieldAt),
    judged: {
      validity: bytes.readDoubleBE(32),
      completeness: bytes.readDoubleBE(40),
      judgement: bytes.readDoubleBE(48),
      notes: notes === '' ? [] : notes.split('\n'),
    },
    facts: { sensitivity: (bytes[1] ?? 0) as Sensitivity, labels, owner },
    confirmedAtMs: Math.min(confirmedAtMs, nowMs),
    ttlMs: bytes.readDoubleBE(16),
    staleMs: bytes.readDoubleBE(24),
  };
}

/** Over the key too: an entry under another's key is garbage. */
function checksum(key: string, bytes: Buffer): number {
  return crc32(bytes.subarray(8), crc32(bytes.subarray(0, 4), crc32(key)));
}
