import { type Clock, type Logger, type OutboundFetch, refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { createLocalJWKSet } from 'jose';
import { LRUCache } from 'lru-cache';
import { fetchKeySet, findKeySet } from './discovery.ts';

/** The keys of an issuer, as jose takes them. */
export type KeySet = ReturnType<typeof createLocalJWKSet>;

/** The keys of issuers, got from them and kept. */
export interface KeySets {
  /** The keys of an issuer. Rejects with ISSUER_UNAVAILABLE when there are none. */
  keysOf(issuer: string): Promise<KeySet>;
  /** Newer keys than some; undefined: there are none, or it is too early to ask. */
  newerThan(issuer: string, keys: KeySet): Promise<KeySet | undefined>;
}

/** What key sets need. */
export interface KeySetsDeps {
  readonly fetch: OutboundFetch;
  readonly clock: Clock;
  readonly log: Logger;
}

/** An issuer is asked once in this time, whatever for. */
export const askAgainMs = 30_000;
/** Keys are got anew after this time; they serve on while that takes, or fails. */
export const refreshMs = 600_000;
/** Keys that were not confirmed for so long are not used. */
export const keysMaxAgeMs = 86_400_000;
const issuersMax = 1_000;

interface Known {
  keys: KeySet | undefined;
  fetchedAtMs: number;
  askedAtMs: number;
  place: URL | undefined;
  asking: Promise<void> | undefined;
}

/** Creates the keys of issuers. */
export function createKeySets({ fetch, clock, log }: KeySetsDeps): KeySets {
  const issuers = new LRUCache<string, Known>({ max: issuersMax });
  const knownOf = (issuer: string): Known => {
    const known = issuers.get(issuer) ?? unknown();
    issuers.set(issuer, known);
    return known;
  };
  const load = async (issuer: string, known: Known) => {
    try {
      known.place ??= await findKeySet(fetch, issuer);
      known.keys = createLocalJWKSet(await fetchKeySet(fetch, known.place));
      known.fetchedAtMs = clock.monotonicMs();
    } catch (error) {
      // It may have moved its keys.
      known.place = undefined;
      log.warn({ err: error, issuer }, 'the keys of an issuer cannot be had');
    } finally {
      known.asking = undefined;
    }
  };
  /** Resolves when the issuer was asked, unless that was done lately; never rejects. */
  const ask = async (issuer: string, known: Known): Promise<void> => {
    if (!known.asking && clock.monotonicMs() - known.askedAtMs >= askAgainMs) {
      known.askedAtMs = clock.monotonicMs();
      known.asking = load(issuer, known);
    }
    await known.asking;
  };
  const usable = (known: Known): KeySet | undefined =>
    clock.monotonicMs() - known.fetchedAtMs < keysMaxAgeMs ? known.keys : undefined;
  return {
    async keysOf(issuer) {
      const known = knownOf(issuer);
      const keys = usable(known);
      if (!keys) await ask(issuer, known);
      else if (clock.monotonicMs() - known.fetchedAtMs > refreshMs) void ask(issuer, known);
      const found = keys ?? usable(known);
      if (found) return found;
      throw refuse(Reason.ISSUER_UNAVAILABLE, "the keys of the token's issuer cannot be had now", {
        retryDelayMs: askAgainMs,
      });
    },
    async newerThan(issuer, keys) {
      const known = knownOf(issuer);
      if (known.keys === keys) await ask(issuer, known);
      return known.keys === keys ? undefined : known.keys;
    },
  };
}

function unknown(): Known {
  const never = Number.NEGATIVE_INFINITY;
  return {
    keys: undefined,
    fetchedAtMs: never,
    askedAtMs: never,
    place: undefined,
    asking: undefined,
  };
}
