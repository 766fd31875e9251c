import { createHash } from 'node:crypto';
import { reasonOf } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { type Allowed, type DeliverTo, decide, type Wants } from '../deliver.ts';
import type { EventDeps } from '../events.ts';
import { BATCH_EVENTS_MAX, openReader } from '../reader.ts';
import type { KeptEvent } from '../tails.ts';
import { GIVEN_MAX_BYTES, type Offer } from './group.ts';

/** How many events one look passes by, of those that are not wanted. */
export const SCANNED_MAX = 1_024;
/** How many places of the log one look goes back to. */
export const GONE_BACK_MAX = 16;

/** Reads what a group may give out, and decides on it for who pulls. */
export interface Offers {
  /** What is at these positions; as many as one look may go back to. Throws CURSOR_TOO_OLD. */
  again(positions: readonly bigint[]): Promise<Map<bigint, Offer>>;
  /** As `again`; undefined in place of what is not kept any more. */
  dead(positions: readonly bigint[]): Promise<Map<bigint, Offer | undefined>>;
  /** What comes after a position, without gaps: as many that are wanted, or less. Throws CURSOR_TOO_OLD. */
  next(position: bigint, wanted: number): Promise<readonly Offer[]>;
  /** What may be given out of what was read, by its position. */
  readonly allowed: ReadonlyMap<bigint, Allowed>;
}

/** Opens what a group may give out to a worker. */
export function createOffers(deps: EventDeps, wants: Wants, to: DeliverTo): Offers {
  const { caller, tail, signal } = to;
  const allowed = new Map<bigint, Allowed>();
  const open = () => openReader(deps.eventLog, caller.tenant, { tail, signal });
  const read = { events: BATCH_EVENTS_MAX, waitMs: 0 };
  const offersOf = (batch: readonly KeptEvent[]): Offer[] => {
    for (const one of decide(deps, batch, wants, caller)) {
      allowed.set(one.kept.stored.position, one);
    }
    return batch.map(({ stored: { position, event }, bytes }) => {
      return { position, key: hashOf(event?.key ?? ''), bytes, isWanted: allowed.has(position) };
    });
  };
  const back = async (positions: readonly bigint[]) => {
    const asked = new Set(positions);
    const found = new Map<bigint, Offer>();
    let looks = 0;
    for (const position of positions) {
      if (found.has(position)) continue;
      if (looks === GONE_BACK_MAX) break;
      looks += 1;
      using reader = open();
      const batch = await reader.next(position - 1n, read);
      const ours = batch.filter(({ stored }) => asked.has(stored.position));
      for (const offer of offersOf(ours)) found.set(offer.position, offer);
    }
    return found;
  };
  const firstKept = async () => (await deps.eventLog.state(caller.tenant, signal)).first;
  return {
    allowed,
    again: back,
    async dead(positions) {
      for (let first = await firstKept(); ; ) {
        const kept = positions.filter((position) => position >= first);
        try {
          const offers = new Map<bigint, Offer | undefined>(await back(kept));
          for (const position of positions) if (position < first) offers.set(position, undefined);
          return offers;
        } catch (error) {
          // Some were forgotten meanwhile; each turn there are fewer.
          if (reasonOf(error) !== Reason.CURSOR_TOO_OLD) throw error;
          const before = first;
          first = await firstKept();
          if (first === before) throw error;
        }
      }
    },
    async next(position, wanted) {
      const offers: Offer[] = [];
      let [at, found, bytes] = [position, 0, 0];
      using reader = open();
      while (at < tail.head && offers.length < SCANNED_MAX) {
        if (found >= wanted || bytes >= GIVEN_MAX_BYTES) break;
        const more = offersOf(await reader.next(at, read));
        if (more.length === 0) break;
        for (const offer of more) {
          at = offer.position;
          if (!offer.isWanted) continue;
          found += 1;
          bytes += offer.bytes;
        }
        offers.push(...more);
      }
      return offers;
    },
  };
}

/** Tells keys apart in few bytes; two that look alike wait for each other, and no more. */
function hashOf(key: string): bigint {
  if (key === '') return 0n;
  return createHash('sha256').update(key).digest().readBigUInt64BE(0) || 1n;
}
