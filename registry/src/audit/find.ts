import { setImmediate } from 'node:timers/promises';
import { fromBinary } from '@bufbuild/protobuf';
import { type CallRecord, CallRecordSchema } from '@weir/sdk/gen/weir/audit/v1/record_pb';
import type { Database } from '../store/driver.ts';
import { bodyKinds, unpackBodies } from './chunk.ts';
import { type Candidate, type ChunkQuery, lookAt, readBodies } from './store/search.ts';
import { matched, type RecordMatch, termsOfMatch, timeMsOf } from './terms.ts';

/** Where a record stands among all of a tenant. */
export interface RecordPlace {
  readonly timeMs: number;
  readonly chain: string;
  readonly position: number;
}

/** A record with its place. */
export interface Found extends RecordPlace {
  readonly record: CallRecord;
}

/** Which records, and which part of them. */
export interface FindQuery {
  readonly match: RecordMatch;
  readonly order: 'newest' | 'oldest';
  /** The greatest number to find. */
  readonly size: number;
  /** Records after this place alone, in the order asked for. Left out: from the beginning. */
  readonly after?: RecordPlace | undefined;
}

/** A part of what is looked for. */
export interface FoundPart {
  readonly records: readonly Found[];
  /** Where to go on, though there may be nothing. Undefined: there is no more. */
  readonly next: RecordPlace | undefined;
}

/** Chunks whose filters are tested for one part. */
const CHUNKS_LOOKED_AT = 4000;
/** Chunks that are opened for one part, 256 KiB of bodies each. */
const CHUNKS_OPENED = 16;
/** Chunks looked at, when none of the first ones brings it on. */
const CHUNKS_LOOKED_AT_MAX = 1_000_000;

/**
 * Finds a part of the records that match, in the order of time. Chunks overlap in time, those of
 * several routers for instance, so a record is told only when no chunk that was not opened can have
 * one that comes before it. The work for a part is bounded: it may have few records, or none, and
 * more behind it; but each part gets on.
 */
export async function findRecords(
  db: Database,
  query: FindQuery,
  signal: AbortSignal,
): Promise<FoundPart> {
  // One transaction, in which chunks stay as they are: they are merged meanwhile.
  const settings = { isolationLevel: 'repeatable read', accessMode: 'read only' } as const;
  return await db.transaction((tx) => find(tx, query, signal), settings);
}

async function find(db: Database, query: FindQuery, signal: AbortSignal): Promise<FoundPart> {
  const { match, order, size, after } = query;
  const compare = comparing(order);
  const { hits, horizon } = await lookFor(db, query);
  let best: Found[] = [];
  let opened = 0;
  let limit = horizon;
  for (const hit of hits) {
    const edge = edgeOf(hit, order);
    const last = best[size];
    if (last && compare(last, edge) < 0) break;
    if (opened >= CHUNKS_OPENED && (!after || compare(edge, after) > 0)) {
      limit = edge;
      break;
    }
    opened += 1;
    signal.throwIfAborted();
    const fresh = (await open(db, hit, match)).filter((one) => !after || compare(one, after) > 0);
    best = [...best, ...fresh].sort(compare).slice(0, size + 1);
    await setImmediate();
  }
  return partOf(best, { size, limit, compare });
}

function partOf(
  best: readonly Found[],
  { size, limit, compare }: { size: number; limit: RecordPlace | undefined; compare: Comparing },
): FoundPart {
  const sure = limit ? best.filter((one) => compare(one, limit) <= 0) : best;
  const records = sure.slice(0, size);
  const last = records.at(-1);
  if (sure.length > size && last) return { records, next: placeOf(last) };
  return { records, next: limit };
}

/** Looks at chunks until there is one that brings the search on, or there are no more. */
async function lookFor(db: Database, query: FindQuery) {
  const { match, order, after } = query;
  const compare = comparing(order);
  const chunks: Omit<ChunkQuery, 'limit'> = {
    tenant: match.tenant,
    fromMs: Math.floor(order === 'oldest' && after ? after.timeMs : match.fromMs),
    toMs: Math.floor(order === 'newest' && after ? after.timeMs : match.toMs),
    terms: termsOfMatch(match),
    order,
  };
  for (let limit = CHUNKS_LOOKED_AT; ; limit *= 8) {
    const { hits, untilMs } = await lookAt(db, { ...chunks, limit });
    if (untilMs === undefined) return { hits, horizon: undefined };
    const horizon = edgeAt(untilMs, order);
    const getsOn = !after || compare(horizon, after) > 0;
    if (getsOn || limit > CHUNKS_LOOKED_AT_MAX) return { hits, horizon };
  }
}

async function open(db: Database, hit: Candidate, match: RecordMatch): Promise<Found[]> {
  const packed = await readBodies(db, match.tenant, hit);
  if (!packed) return [];
  return unpackBodies(packed).flatMap(({ kind, position, body }) => {
    if (kind !== bodyKinds.call) return [];
    const record = matched(fromBinary(CallRecordSchema, body), match);
    return record ? [{ record, timeMs: timeMsOf(record), chain: hit.chain, position }] : [];
  });
}

type Comparing = (a: RecordPlace, b: RecordPlace) => number;

function comparing(order: FindQuery['order']): Comparing {
  return order === 'oldest' ? comparePlaces : (a, b) => comparePlaces(b, a);
}

function comparePlaces(a: RecordPlace, b: RecordPlace): number {
  if (a.timeMs !== b.timeMs) return a.timeMs - b.timeMs;
  if (a.chain !== b.chain) return a.chain < b.chain ? -1 : 1;
  return a.position - b.position;
}

function placeOf({ timeMs, chain, position }: RecordPlace): RecordPlace {
  return { timeMs, chain, position };
}

/** Before all that a chunk can hold. */
function edgeOf({ fromMs, toMs }: Candidate, order: FindQuery['order']): RecordPlace {
  return edgeAt(order === 'newest' ? toMs : fromMs, order);
}

/** Chunks tell their times in whole ms, cut off: what lies at `ms` may be up to 1 ms later. */
function edgeAt(ms: number, order: FindQuery['order']): RecordPlace {
  return { timeMs: order === 'newest' ? ms + 1 : ms, chain: '', position: -1 };
}
