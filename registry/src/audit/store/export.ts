import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  type ChainFault,
  ChainFaultSchema,
  type ExportChainsResponse,
  ExportChainsResponseSchema,
  PrunedEntriesSchema,
} from '@weir/sdk/gen/weir/audit/v1/audit_pb';
import {
  AnchorHeadRequestSchema,
  type Entry,
  EntrySchema,
  ShipEntriesRequestSchema,
} from '@weir/sdk/gen/weir/audit/v1/journal_pb';
import { and, asc, eq, gt, gte, lte, type SQL } from 'drizzle-orm';
import type { Database } from '../../store/driver.ts';
import {
  auditAnchors,
  auditChains,
  auditChunks,
  auditFaults,
  auditHeaders,
} from '../../store/schema.ts';
import { unpackBodies, unpackHeaders } from '../chunk.ts';
import type { Seals } from '../seals.ts';
import { CHAIN_SEAL, type ChainRow, chainOf, sealedChain } from './chains.ts';
import { PRUNE_SEAL, readDrops } from './drop.ts';
import { sealedGapOf } from './gaps.ts';

/** What of the chains is told. */
export interface ChainsQuery {
  readonly fromMs: number;
  readonly toMs: number;
  readonly entries: boolean;
}

/** Chunks that are held open while a chain is read, 256 KiB each. */
const OPEN_CHUNKS_MAX = 64;
/** The bytes of entries in one message. */
const PART_MAX_BYTES = 512 * 1024;

type Part = ExportChainsResponse['part'];

/** Reads chains, oldest first, each with its anchors, faults, drops and, if asked for, entries. */
export async function* readChains(
  db: Database,
  seals: Seals,
  { fromMs, toMs, entries }: ChainsQuery,
): AsyncGenerator<ExportChainsResponse> {
  const { id, createTime, lastTime } = auditChains;
  const rows = await db
    .select()
    .from(auditChains)
    .where(and(gte(lastTime, new Date(fromMs)), lte(createTime, new Date(toMs))))
    .orderBy(asc(createTime), asc(id));
  for (const row of rows) {
    yield part({ case: 'chain', value: chainOf(row) });
    yield* anchorsOf(db, row.id);
    if (entries) yield* entriesOf(db, seals, row);
    // After the entries: a verifier stops at the first fault, and should name the bad entry.
    for (const fault of sealFaults(row, seals)) yield part({ case: 'fault', value: fault });
    for (const fault of await faultsOf(db, row.id)) yield part({ case: 'fault', value: fault });
  }
}

async function* anchorsOf(db: Database, chain: string): AsyncGenerator<ExportChainsResponse> {
  const rows = await db
    .select()
    .from(auditAnchors)
    .where(eq(auditAnchors.chain, chain))
    .orderBy(asc(auditAnchors.length));
  for (const row of rows) {
    const value = create(AnchorHeadRequestSchema, {
      chain,
      length: BigInt(row.length),
      head: new Uint8Array(row.head),
      signature: new Uint8Array(row.signature),
      time: timestampFromDate(row.anchorTime),
    });
    yield part({ case: 'anchor', value });
  }
}

async function faultsOf(db: Database, chain: string): Promise<ChainFault[]> {
  const rows = await db
    .select()
    .from(auditFaults)
    .where(eq(auditFaults.chain, chain))
    .orderBy(asc(auditFaults.position));
  return rows.map(({ position, text, findTime }) =>
    create(ChainFaultSchema, {
      chain,
      position: BigInt(position),
      text,
      time: timestampFromDate(findTime),
    }),
  );
}

/** What somebody changed who can write to the database and has not the secret of the seals. */
function sealFaults(row: ChainRow, seals: Seals): ChainFault[] {
  const faults: ChainFault[] = [];
  const fault = (position: number, text: string) => {
    faults.push(create(ChainFaultSchema, { chain: row.id, position: BigInt(position), text }));
  };
  if (!seals.holds(CHAIN_SEAL, sealedChain(chainOf(row)), row.seal)) {
    fault(0, 'what is known of the chain was altered in the database');
  }
  const { id, prunedLength, prunedHead, prunedSeal } = row;
  const pruned = [id, prunedLength, prunedHead];
  if (prunedLength > 0 && !(prunedSeal && seals.holds(PRUNE_SEAL, pruned, prunedSeal))) {
    fault(0, `entries 0 to ${prunedLength - 1} were removed, and not by the registry`);
  }
  return faults;
}

async function* entriesOf(
  db: Database,
  seals: Seals,
  row: ChainRow,
): AsyncGenerator<ExportChainsResponse> {
  const bodies = createBodies(row.id);
  const drops = await readDrops(db, seals, row.id);
  for (const drop of drops) if (drop) yield part({ case: 'dropped', value: drop });
  let first = row.prunedLength;
  if (first > 0) {
    const pruned = { chain: row.id, length: BigInt(first), head: new Uint8Array(row.prunedHead) };
    yield part({ case: 'pruned', value: create(PrunedEntriesSchema, pruned) });
  }
  for (;;) {
    const read = await db.transaction((tx) => readRun(tx, { chain: row.id, first, bodies }), {
      isolationLevel: 'repeatable read',
      accessMode: 'read only',
    });
    for (const end = read?.first ?? row.length; first < end; ) {
      const lost = await sealedGapOf({ db, seals }, row.id, first);
      if (!lost) break;
      yield part({ case: 'lost', value: lost });
      first = Number(lost.first + lost.count);
    }
    if (!read) break;
    yield* entryParts(row.id, read.first, read.entries);
    first = read.first + read.entries.length;
  }
  const fault = (position: number, text: string) => {
    const value = create(ChainFaultSchema, { chain: row.id, position: BigInt(position), text });
    return part({ case: 'fault', value });
  };
  if (first < row.length) {
    yield fault(first, `entries ${first} to ${row.length - 1} were removed from the database`);
  }
  if (drops.includes(undefined)) {
    yield fault(0, 'what is known of dropped bodies was altered in the database');
  }
}

/** The entries of the next row of headers at or after a position, with the bodies that are there. */
async function readRun(
  db: Database,
  { chain, first, bodies }: { chain: string; first: number; bodies: OpenBodies },
): Promise<{ first: number; entries: Entry[] } | undefined> {
  const [row] = await db
    .select()
    .from(auditHeaders)
    .where(and(eq(auditHeaders.chain, chain), gte(auditHeaders.last, first)))
    .orderBy(asc(auditHeaders.first))
    .limit(1);
  if (!row) return undefined;
  const stored = unpackHeaders(row.headers);
  const apart = stored.flatMap(({ body }, at) => (body.length > 0 ? [] : [row.first + at]));
  const found = await bodies.of(db, apart);
  const entries = stored.map(({ header, body }, at) =>
    create(EntrySchema, {
      header,
      body: body.length > 0 ? body : (found.get(row.first + at) ?? new Uint8Array()),
    }),
  );
  // Headers may have been merged with some that were read already.
  const skipped = Math.max(0, first - row.first);
  return { first: row.first + skipped, entries: entries.slice(skipped) };
}

function* entryParts(chain: string, first: number, entries: readonly Entry[]) {
  let from = 0;
  let bytes = 0;
  const upTo = (end: number) => {
    const these = { chain, first: BigInt(first + from), entries: entries.slice(from, end) };
    return part({ case: 'entries', value: create(ShipEntriesRequestSchema, these) });
  };
  for (const [at, { header, body }] of entries.entries()) {
    if (bytes > PART_MAX_BYTES) {
      yield upTo(at);
      from = at;
      bytes = 0;
    }
    bytes += header.length + body.length;
  }
  if (entries.length > from) yield upTo(entries.length);
}

/** Bodies of a chain, of all tenants. */
interface OpenBodies {
  /** The bodies that are there of some positions, which are in order and come in order. */
  of(db: Database, positions: readonly number[]): Promise<Map<number, Uint8Array>>;
}

interface OpenChunk {
  readonly last: number;
  readonly bodies: ReadonlyMap<number, Uint8Array>;
}

/**
 * Chunks overlap, and one of a quiet tenant reaches far, so they are opened in the order of their
 * beginnings and kept until the chain is past them. What is missing then may have been merged
 * meanwhile, or put away for want of room, and is looked for once more.
 */
function createBodies(chain: string): OpenBodies {
  const open = new Map<string, OpenChunk>();
  let reached = -1;

  async function openAll(db: Database, which: SQL | undefined): Promise<void> {
    const { tenant, first, last } = auditChunks;
    const rows = await db
      .select({ tenant, first, last })
      .from(auditChunks)
      .where(and(eq(auditChunks.chain, chain), which));
    for (const row of rows) {
      const name = `${row.tenant}/${row.first}/${row.last}`;
      const held = open.get(name) ?? { last: row.last, bodies: await readChunk(db, chain, row) };
      open.delete(name);
      open.set(name, held);
    }
  }

  function collect(positions: readonly number[]): Map<number, Uint8Array> {
    const found = new Map<number, Uint8Array>();
    for (const { bodies } of open.values()) {
      for (const position of positions) {
        const body = bodies.get(position);
        if (body) found.set(position, body);
      }
    }
    return found;
  }

  return {
    async of(db, positions) {
      const [first = 0, last = 0] = [positions[0], positions.at(-1)];
      await openAll(db, and(gt(auditChunks.first, reached), lte(auditChunks.first, last)));
      let found = collect(positions);
      if (found.size < positions.length) {
        await openAll(db, and(lte(auditChunks.first, last), gte(auditChunks.last, first)));
        found = collect(positions);
      }
      reached = last;
      for (const [name, chunk] of open) if (chunk.last <= last) open.delete(name);
      for (const name of [...open.keys()].slice(0, -OPEN_CHUNKS_MAX)) open.delete(name);
      return found;
    },
  };
}

async function readChunk(
  db: Database,
  chain: string,
  { tenant, first }: { tenant: string; first: number },
): Promise<Map<number, Uint8Array>> {
  const [row] = await db
    .select({ bodies: auditChunks.bodies })
    .from(auditChunks)
    .where(
      and(
        eq(auditChunks.tenant, tenant),
        eq(auditChunks.chain, chain),
        eq(auditChunks.first, first),
      ),
    );
  return new Map(readable(row?.bodies).map(({ position, body }) => [position, body]));
}

/** What somebody altered so far that it cannot be unpacked is missing, and told as such. */
function readable(packed: Uint8Array | undefined) {
  try {
    return packed ? unpackBodies(packed) : [];
  } catch {
    return [];
  }
}

function part(value: Exclude<Part, { case: undefined }>): ExportChainsResponse {
  return create(ExportChainsResponseSchema, { part: value });
}
