import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import type { Settled, Settlement, Terms } from './meter.ts';

/** One limit to be settled. */
export interface Settling extends Settlement {
  readonly key: string;
  readonly terms: Terms;
}

/** What all routers lease from. */
export interface LimitPool extends AsyncDisposable {
  /** Settles limits; by position. Rejects when the pool does not answer in time, or not sensibly. */
  settle(
    limits: readonly Settling[],
  ): Promise<{ readonly routers: number; readonly settled: readonly Settled[] }>;
}

const COMMAND_TIMEOUT_MS = 100;
const RECONNECT_MAX_MS = 1_000;
const KEY_PREFIX = 'weir:limits:1:';
/** A router that was not heard of for so long is none. */
const ROUTER_FORGOTTEN_MS = 15_000;
/** A debt is forgiven beyond what comes back in this time. */
const DEBT_MAX_MS = 3_600_000;
/** How long a limit is kept after its last use: until it is full again, or the day is over. */
const KEPT_MIN_MS = 60_000;
const DAY_KEPT_MS = 48 * 3_600_000;

/**
 * Settles token buckets by Redis's own clock. KEYS: the set of routers, then the buckets. ARGV: this
 * router, how long routers are remembered; then for each bucket: capacity, what comes back in a ms,
 * the lowest that it may fall to, how long it is kept, debt, want. What is no bucket begins anew.
 * Numbers travel as texts, for Redis would cut their fractions off.
 */
const SCRIPT = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local added = redis.pcall('ZADD', KEYS[1], now, ARGV[1])
if type(added) == 'table' and added.err then
  redis.call('DEL', KEYS[1])
  redis.call('ZADD', KEYS[1], now, ARGV[1])
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
local reply = { tostring(redis.call('ZCARD', KEYS[1])) }
for i = 2, #KEYS do
  local at = 3 + (i - 2) * 6
  local capacity, per_ms = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
  local lowest, debt, want = tonumber(ARGV[at + 2]), tonumber(ARGV[at + 4]), tonumber(ARGV[at + 5])
  local held = redis.pcall('HMGET', KEYS[i], 'left', 'ms', 'born')
  local left, ms, born
  if not held.err then left, ms, born = tonumber(held[1]), tonumber(held[2]), held[3] end
  if not (left and left == left and ms and ms == ms and born) then
    redis.call('DEL', KEYS[i])
    left, ms, born = capacity, now, time[1] .. '.' .. time[2]
  end
  left = math.min(capacity, left + math.max(0, now - ms) * per_ms) - debt
  local granted = want
  if want > 0 then granted = math.max(0, math.min(want, left)) end
  left = math.max(lowest, math.min(capacity, left - granted))
  redis.call('HSET', KEYS[i], 'left', string.format('%.6f', left), 'ms', now, 'born', born)
  redis.call('PEXPIRE', KEYS[i], ARGV[at + 3])
  table.insert(reply, string.format('%.6f', granted))
  table.insert(reply, string.format('%.6f', left))
  table.insert(reply, born)
end
return reply
`;

type Scripted = Redis & {
  settleLimits(...words: (string | number)[]): Promise<unknown>;
};

/** Opens the pool in Redis. Opens also when Redis is away: what is asked meanwhile is rejected. */
export function openRedisPool({ url }: { readonly url: string }): LimitPool {
  const redis = new Redis(url, {
    commandTimeout: COMMAND_TIMEOUT_MS,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (times) => Math.min(times * 100, RECONNECT_MAX_MS),
    scripts: { settleLimits: { lua: SCRIPT } },
  }) as Scripted;
  // Whoever asks is told.
  redis.on('error', () => {});
  const tried = new Promise<void>((resolve) => {
    for (const event of ['ready', 'close', 'end']) redis.once(event, resolve);
  });
  const router = randomUUID();
  return {
    async settle(limits) {
      await tried;
      const keys = [`${KEY_PREFIX}routers`, ...limits.map(({ key }) => KEY_PREFIX + key)];
      const words = [router, ROUTER_FORGOTTEN_MS, ...limits.flatMap(wordsOf)];
      return readReply(await redis.settleLimits(keys.length, ...keys, ...words), limits.length);
    },
    async [Symbol.asyncDispose]() {
      // The others' shares grow at once.
      if (redis.status === 'ready')
        await redis.zrem(`${KEY_PREFIX}routers`, router).catch(() => {});
      redis.disconnect();
    },
  };
}

function wordsOf({ terms: { capacity, perMs }, debt, want }: Settling): number[] {
  const fullMs = perMs > 0 ? capacity / perMs : 0;
  const keptMs = perMs > 0 ? KEPT_MIN_MS + fullMs + DEBT_MAX_MS : DAY_KEPT_MS;
  return [capacity, perMs, -(capacity + perMs * DEBT_MAX_MS), Math.ceil(keptMs), debt, want];
}

function readReply(reply: unknown, count: number) {
  if (!Array.isArray(reply) || reply.length !== 1 + count * 3) throw new Error('no such answer');
  const texts = reply.map(String);
  const settled = Array.from({ length: count }, (_, i): Settled => {
    const [granted, left, born] = texts.slice(1 + i * 3, 4 + i * 3);
    return { granted: finite(granted), left: finite(left), born: born ?? '' };
  });
  return { routers: Math.max(1, finite(texts[0])), settled };
}

function finite(text: string | undefined): number {
  const value = Number(text);
  if (Number.isFinite(value)) return value;
  throw new Error('the answer is no number');
}
