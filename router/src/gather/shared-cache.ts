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

/** How long a look-up may take before it counts as a miss. */
const COMMAND_TIMEOUT_MS = 100;
/** How long the cache is left alone after it failed. */
const REST_MS = 500;
const KEY_PREFIX = 'weir:1:';
const FORMAT = 1;
const HEADER_BYTES = 32;

/** Opens the shared cache in Redis. Opens also when Redis is away: it is used once it is there. */
export function openRedisCache(options: { url: string; clock: Clock; log: Logger }): SharedCache {
  const { clock, log } = options;
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
    if (!failing) log.warn({ err: error.message }, 'the shared cache fails; going on without it');
    failing = true;
  };
  const onSuccess = () => {
    if (failing) log.info('the shared cache is back');
    failing = false;
  };
  redis.on('error', onFailure);
  const usable = () => redis.status === 'ready' && clock.monotonicMs() >= restUntilMs;

  return {
    async getMany(keys) {
      if (!usable()) return keys.map(() => undefined);
      try {
        const values = await redis.mgetBuffer(keys.map((key) => KEY_PREFIX + key));
        onSuccess();
        return values.map((value) => (value ? decodeEntry(value, clock) : undefined));
      } catch (error) {
        onFailure(error as Error);
        return keys.map(() => undefined);
      }
    },
    set(key, entry) {
      if (!usable()) return;
      const keptMs = Math.ceil(entry.ttlMs + entry.staleMs);
      redis
        .set(KEY_PREFIX + key, encodeEntry(entry, clock), 'PX', keptMs)
        .then(onSuccess, onFailure);
    },
    delete(key) {
      if (usable()) redis.del(KEY_PREFIX + key).then(onSuccess, onFailure);
    },
    async [Symbol.asyncDispose]() {
      redis.disconnect();
    },
  };
}

/**
 * An entry in Redis: format (1 byte), sensitivity (1), item offset (1), etag length (1), CRC-32
 * of the rest (4), confirmation time in wall milliseconds (8, float), ttl (8, float), stale (8,
 * float), all big-endian; then quality (8, float), the etag in UTF-8, the field.
 */
export function encodeEntry(entry: CacheEntry, clock: Clock): Buffer {
  const etag = Buffer.from(entry.etag);
  const bytes = Buffer.alloc(HEADER_BYTES + 8 + etag.length + entry.field.length);
  bytes[0] = FORMAT;
  bytes[1] = entry.sensitivity;
  bytes[2] = entry.itemOffset;
  bytes[3] = etag.length;
  bytes.writeDoubleBE(clock.wallMs() - (clock.monotonicMs() - entry.confirmedAtMs), 8);
  bytes.writeDoubleBE(entry.ttlMs, 16);
  bytes.writeDoubleBE(entry.staleMs, 24);
  bytes.writeDoubleBE(entry.quality, HEADER_BYTES);
  etag.copy(bytes, HEADER_BYTES + 8);
  bytes.set(entry.field, HEADER_BYTES + 8 + etag.length);
  bytes.writeUInt32BE(checksum(bytes), 4);
  return bytes;
}

/** The entry that bytes hold; undefined when they hold anything else. */
export function decodeEntry(bytes: Buffer, clock: Clock): CacheEntry | undefined {
  if (bytes.length < HEADER_BYTES + 8 || bytes[0] !== FORMAT) return undefined;
  if (bytes.readUInt32BE(4) !== checksum(bytes)) return undefined;
  const fieldAt = HEADER_BYTES + 8 + (bytes[3] ?? 0);
  const ageMs = Math.max(0, clock.wallMs() - bytes.readDoubleBE(8));
  return {
    field: new Uint8Array(bytes.subarray(fieldAt)),
    itemOffset: bytes[2] ?? 0,
    negative: false,
    etag: bytes.toString('utf8', HEADER_BYTES + 8, fieldAt),
    quality: bytes.readDoubleBE(HEADER_BYTES),
    sensitivity: (bytes[1] ?? 0) as Sensitivity,
    confirmedAtMs: clock.monotonicMs() - ageMs,
    ttlMs: bytes.readDoubleBE(16),
    staleMs: bytes.readDoubleBE(24),
  };
}

function checksum(bytes: Buffer): number {
  return crc32(bytes.subarray(8), crc32(bytes.subarray(0, 4)));
}
