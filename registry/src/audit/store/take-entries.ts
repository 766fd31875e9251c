import { type Checked, createChainChecker, genesis } from '@weir/journal';
import type { Entry, ShipEntriesRequest } from '@weir/sdk/gen/weir/audit/v1/journal_pb';
import { eq } from 'drizzle-orm';
import type { Database } from '../../store/driver.ts';
import { auditChains, auditChunks, auditHeaders } from '../../store/schema.ts';
import type { StoredHeader } from '../chunk.ts';
import { chunksOf, type ReadBody, readBody } from '../received.ts';
import { anchorsBetween } from './anchors.ts';
import { type ChainRow, contradicts, equal, hashAt, readChain, type Taken } from './chains.ts';
import { type GapDeps, gapOf, noteGap } from './gaps.ts';
import { chunkRow, headersRow } from './rows.ts';

const EMPTY = new Uint8Array();

/** Where a chain is. */
interface Mark {
  readonly length: number;
  readonly head: Uint8Array;
}

/** Takes in entries of a chain that are not held yet, unless they contradict what is. */
export async function takeEntries(deps: GapDeps, batch: ShipEntriesRequest): Promise<Taken> {
  const { chain, entries, goneHead } = batch;
  const held = await readChain(deps.db, chain, 'lock');
  if (!held) return { kind: 'unknown' };
  const first = Number(batch.first);
  const fresh = entries.slice(Math.max(0, held.length - first));
  const resent = entries.slice(0, entries.length - fresh.length);
  const differing = await firstDiffering(deps.db, held, { first, entries: resent });
  if (differing !== undefined) {
    return contradicts(chain, differing, 'an entry came again with another header');
  }
  const isAhead = first > held.length;
  // Ahead of what is held, and not for good: the answer tells from where on to send again.
  if (fresh.length === 0 || (isAhead && goneHead.length === 0)) {
    return { kind: 'taken', shipped: held.length };
  }
  return await addEntries(deps, held, {
    entries: fresh,
    after: isAhead ? { length: first, head: goneHead } : held,
  });
}

/** Adds entries behind what is held, or behind others that are lost. */
async function addEntries(
  deps: GapDeps,
  held: ChainRow,
  { entries, after }: { readonly entries: readonly Entry[]; readonly after: Mark },
): Promise<Taken> {
  const { db } = deps;
  const run = checkRun(held, after, entries);
  if (run.fault) return contradicts(held.id, run.fault.position, run.fault.text);
  const { length } = run.end;
  for (const [at, head] of await anchorsBetween(db, held.id, held.length, length)) {
    const own = at === after.length ? after.head : run.hashes[at - after.length - 1];
    if (!own || equal(own, head)) continue;
    return contradicts(held.id, at - 1, 'the entries do not lead to an anchor');
  }
  const { length: first, head: before } = after;
  const { headers, lastMs } = run;
  await db
    .insert(auditHeaders)
    .values(headersRow({ chain: held.id, first, before, toMs: lastMs, headers }));
  const chunks = [...run.bodies].flatMap(([tenant, own]) => chunksOf(tenant, own));
  const rows = chunks.map((chunk) => chunkRow(held.id, chunk));
  if (rows.length > 0) await db.insert(auditChunks).values(rows);
  const value = { ...run.end, lastTime: new Date(lastMs) };
  await db.update(auditChains).set(value).where(eq(auditChains.id, held.id));
  const count = first - held.length;
  if (count === 0) return { kind: 'taken', shipped: length };
  await noteGap(deps, { chain: held.id, first: held.length, end: first, head: before });
  return { kind: 'taken', shipped: length, lost: { chain: held.id, first: held.length, count } };
}

/** Checks entries that follow each other, and sorts what is kept of them. */
function checkRun(held: ChainRow, after: Mark, entries: readonly Entry[]) {
  const publicKey = new Uint8Array(held.publicKey);
  const { length, head } = after;
  const checker = createChainChecker({ chain: held.id, publicKey, length, head });
  const headers: StoredHeader[] = [];
  const hashes: Uint8Array[] = [];
  const bodies = new Map<string, ReadBody[]>();
  let lastMs = held.lastTime.getTime();
  for (const entry of entries) {
    const checked = checker.add(entry);
    if (checked.fault) return { fault: checked.fault };
    const body = readBody(entry, checked.header);
    if (body) listOf(bodies, body.tenant).push(body);
    headers.push({ header: entry.header, body: body ? EMPTY : entry.body });
    hashes.push(checked.hash);
    lastMs = Math.max(lastMs, checked.header.timeMs);
  }
  const end: Mark = { length: checker.length, head: checker.head };
  return { fault: undefined, headers, hashes, bodies, lastMs, end };
}

function listOf<T>(lists: Map<string, T[]>, name: string): T[] {
  const held = lists.get(name);
  if (held) return held;
  const list: T[] = [];
  lists.set(name, list);
  return list;
}

/** The position of the first entry that was sent again and is not the one held; undefined: none. */
async function firstDiffering(
  db: Database,
  held: ChainRow,
  { first, entries }: { first: number; entries: readonly Entry[] },
): Promise<number | undefined> {
  if (entries.length === 0 || first < held.prunedLength) return undefined;
  const head = await headBefore(db, held, first);
  if (head === 'lost') return undefined;
  const checker = createChainChecker({
    ...{ chain: held.id, publicKey: new Uint8Array(held.publicKey) },
    ...{ length: first, head },
  });
  const hashes = entries.map((entry) => hashOf(checker.add(entry)));
  const known = await hashAt(db, held.id, first + entries.length - 1);
  if (known && equal(known, hashes.at(-1) ?? EMPTY)) return undefined;
  for (const [at, hash] of hashes.entries()) {
    const own = await hashAt(db, held.id, first + at);
    if (!own || !equal(own, hash)) return first + at;
  }
  return first;
}

/** The hash of the entry before a position; `lost`: that entry, and the one at it, are lost. */
async function headBefore(
  db: Database,
  held: ChainRow,
  first: number,
): Promise<Uint8Array | 'lost'> {
  if (first === 0) return genesis;
  if (first === held.prunedLength) return held.prunedHead;
  const known = await hashAt(db, held.id, first - 1);
  const gap = known ? undefined : await gapOf(db, held.id, first - 1);
  if (gap === undefined) return known ?? genesis;
  return first === gap.end ? gap.head : 'lost';
}

function hashOf(checked: Checked): Uint8Array {
  return checked.fault ? EMPTY : checked.hash;
}
