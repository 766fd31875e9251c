import type { Caller } from '@weir/kit';
import type { Offer } from '../snapshot/catalogue.ts';
import { keyPrefix, scopeName } from './cache-key.ts';
import type { Held } from './kept.ts';

/** All that is the same for the values of an offer that callers of one scope share. */
export interface CacheSpace {
  readonly offer: Offer;
  /** A value's key follows it, in caches that have no spaces. */
  readonly prefix: string;
  /** What the cache that made it has there; it may have none of it any more. */
  held: Held | undefined;
  /** How many values have come one after the other that were not to be kept. */
  fleeting: number;
}

/** After so many of them it is not expected that another router has kept one. */
const FLEETING_MIN = 32;
/** Then one of so many look-ups is made, to find out whether that has changed. */
const FLEETING_ASKED = 16;

/** Whether the shared cache need not be asked: values of the space are not kept. */
export function isFleeting({ fleeting }: CacheSpace): boolean {
  return fleeting >= FLEETING_MIN && fleeting % FLEETING_ASKED !== 0;
}

/** How many spaces are known by their offers; then all are made anew, which costs 1 µs each. */
const KNOWN_MAX = 16_384;
/** Of one call: its items are of few offers. */
const RECENT_MAX = 8;

/** Makes what finds the space of an offer for a caller: the same object for the same offer, mostly. */
export function createSpaces(): (caller: Caller, offer: Offer) => CacheSpace {
  let known = new WeakMap<Offer, Map<string, CacheSpace>>();
  let count = 0;
  let recentCaller: Caller | undefined;
  const recent: CacheSpace[] = [];

  const find = (caller: Caller, offer: Offer): CacheSpace => {
    const name = scopeName(caller, offer);
    const before = known.get(offer)?.get(name);
    if (before) return before;
    if (count >= KNOWN_MAX) {
      known = new WeakMap();
      count = 0;
    }
    const space = { offer, prefix: keyPrefix(caller, offer), held: undefined, fleeting: 0 };
    const ofOffer = known.get(offer) ?? new Map<string, CacheSpace>();
    known.set(offer, ofOffer.set(name, space));
    count++;
    return space;
  };

  return (caller, offer) => {
    if (caller !== recentCaller) {
      recentCaller = caller;
      recent.length = 0;
    }
    for (let at = 0; at < recent.length; at++) {
      const space = recent[at] as CacheSpace;
      if (space.offer === offer) return space;
    }
    const space = find(caller, offer);
    if (recent.length < RECENT_MAX) recent.push(space);
    return space;
  };
}
