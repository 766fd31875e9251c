import { type Clock, type Logger, refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { Redis } from 'ioredis';
import { invalidSignature } from './refusals.ts';
import { type Signed, signatureWindowMs } from './signature.ts';

/** Remembers which signatures were used. */
export interface Nonces {
  /**
   * Uses a signature, this once. Throws or rejects with SIGNATURE_INVALID when it was used, and with
   * OVERLOADED when that cannot be told or remembered.
   */
  use(signed: Pick<Signed, 'keyId' | 'timeMs' | 'nonce'>): void | Promise<void>;
}

/** Signatures that are remembered, of all keys and of one. */
const noncesMax = 500_000;
const noncesOfKeyMax = 200_000;
const redisCommandMs = 200;
const redisPrefix = 'weir:nonce:';
const retryMs = 1_000;

/** What is remembered. */
export interface NonceBounds {
  /** Signatures at most. Default: 500,000. */
  readonly all?: number;
  /** Of one key. Default: 200,000. */
  readonly ofKey?: number;
  /** The wall time that it goes back to. Default: now, as nothing is known of what was before. */
  readonly sinceMs?: number;
}

/** Creates a memory of this process alone. */
export function createNonces(clock: Clock, bounds: NonceBounds = {}): Nonces {
  const { all: allMax = noncesMax, ofKey: ofKeyMax = noncesOfKeyMax } = bounds;
  // A signature that is sent again brings the same time: it is looked for there only.
  const times = new Map<number, Map<string, Set<string>>>();
  const counts = new Map<string, number>();
  let all = 0;
  let sweptAtMs = Number.NEGATIVE_INFINITY;
  /** Nothing older is known: it is not taken, even when the clock is set back. */
  let sinceMs = Math.floor((bounds.sinceMs ?? clock.wallMs()) / 1_000) * 1_000;
  const sweep = () => {
    const nowMs = clock.wallMs();
    if (nowMs - sweptAtMs < 1_000) return;
    sweptAtMs = nowMs;
    for (const [timeMs, keys] of times) {
      if (timeMs + signatureWindowMs >= nowMs) continue;
      times.delete(timeMs);
      sinceMs = Math.max(sinceMs, timeMs + 1);
      for (const [keyId, nonces] of keys) {
        all -= nonces.size;
        const left = (counts.get(keyId) ?? 0) - nonces.size;
        if (left > 0) counts.set(keyId, left);
        else counts.delete(keyId);
      }
    }
  };
  return {
    use({ keyId, timeMs, nonce }) {
      sweep();
      if (timeMs < sinceMs) throw unable('this one was made before the time that is remembered');
      const keys = times.get(timeMs) ?? new Map<string, Set<string>>();
      const nonces = keys.get(keyId) ?? new Set<string>();
      if (nonces.has(nonce)) throw used();
      const count = counts.get(keyId) ?? 0;
      if (all >= allMax || count >= ofKeyMax) throw unable('too many signed calls');
      times.set(timeMs, keys.set(keyId, nonces.add(nonce)));
      counts.set(keyId, count + 1);
      all += 1;
    },
  };
}

/** What routers share nonces over. */
export interface SharedNonces extends Nonces, Disposable {}

/** Opens a memory that routers share in Redis. While it is away, signed calls are refused. */
export function openRedisNonces(options: { url: string; clock: Clock; log: Logger }): SharedNonces {
  // What was before, Redis knows.
  const own = createNonces(options.clock, { sinceMs: 0 });
  const redis = new Redis(options.url, {
    commandTimeout: redisCommandMs,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (times) => Math.min(times * 100, 2_000),
  });
  redis.on('error', (error) => options.log.debug({ err: error }, 'the memory of nonces fails'));
  return {
    async use(signed) {
      // It remembers without waiting.
      void own.use(signed);
      const { keyId, timeMs, nonce } = signed;
      const key = `${redisPrefix}${keyId}:${timeMs}:${nonce}`;
      const set = redis.set(key, '', 'PX', 2 * signatureWindowMs, 'NX');
      const first = await set.catch(() => {
        throw unable('what routers share cannot be reached');
      });
      if (first !== 'OK') throw used();
    },
    [Symbol.dispose]: () => redis.disconnect(),
  };
}

function used() {
  return invalidSignature('it was used before; sign each call anew');
}

function unable(why: string) {
  return refuse(Reason.OVERLOADED, `signed calls cannot be taken now: ${why}; call again`, {
    retryDelayMs: retryMs,
  });
}
