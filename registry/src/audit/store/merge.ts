import { and, asc, eq, gte, inArray, lte, not, type SQL, sql } from 'drizzle-orm';
import type { AnyPgColumn } from 'drizzle-orm/pg-core';
import type { Database } from '../../store/driver.ts';
import { auditChunks, auditHeaders } from '../../store/schema.ts';
import { CHUNK_MAX_BYTES, HEADERS_MAX_BYTES, unpackBodies, unpackHeaders } from '../chunk.ts';
import { FULL_SHARE, type Merge, planMerge, ROWS_MIN } from '../merge-plan.ts';
import { chunkOf, readAgain } from '../received.ts';
import { chunkRow, headersRow } from './rows.ts';

/** Groups looked at in one round, and rows of each; what is beyond waits for the next. */
const GROUPS_MAX = 1000;
const ROWS_MAX = 1000;
/** A row beside which nothing has come for so long is merged with its like, and left alone. */
const IDLE_MS = 10 * 60_000;

/** A row that can still be merged: those of one group follow each other. */
interface Open {
  readonly first: number;
  readonly size: number;
  readonly toTime: Date;
}

/** Makes few rows of many. Says how many are gone. */
export async function mergeRows(db: Database, nowMs: number, signal: AbortSignal): Promise<number> {
  let gone = 0;
  for (const { tenant, chain } of await chunkGroups(db, nowMs)) {
    signal.throwIfAborted();
    const rows = await openChunks(db, tenant, chain);
    const merge = ({ start, end, settled }: Merge) =>
      db.transaction((tx) => mergeChunks(tx, rows.slice(start, end), settled));
    gone += await mergeGroup(rows, { maxBytes: CHUNK_MAX_BYTES, nowMs, merge });
  }
  for (const { chain } of await headerGroups(db, nowMs)) {
    signal.throwIfAborted();
    for (const rows of runsOf(await openHeaders(db, chain))) {
      const merge = ({ start, end, settled }: Merge) =>
        db.transaction((tx) => mergeHeaders(tx, rows.slice(start, end), settled));
      gone += await mergeGroup(rows, { maxBytes: HEADERS_MAX_BYTES, nowMs, merge });
    }
  }
  return gone;
}

/** Chains of tenants with rows that may be worth merging. */
async function chunkGroups(db: Database, nowMs: number) {
  const { tenant, chain, settled, size, toTime } = auditChunks;
  return await db
    .select({ tenant, chain })
    .from(auditChunks)
    .where(not(settled))
    .groupBy(tenant, chain)
    .having(worthMerging({ size, toTime, maxBytes: CHUNK_MAX_BYTES, nowMs }))
    .limit(GROUPS_MAX);
}

async function headerGroups(db: Database, nowMs: number) {
  const { chain, settled, size, toTime } = auditHeaders;
  return await db
    .select({ chain })
    .from(auditHeaders)
    .where(not(settled))
    .groupBy(chain)
    .having(worthMerging({ size, toTime, maxBytes: HEADERS_MAX_BYTES, nowMs }))
    .limit(GROUPS_MAX);
}

function worthMerging(of: {
  size: AnyPgColumn;
  toTime: AnyPgColumn;
  maxBytes: number;
  nowMs: number;
}): SQL {
  const idle = new Date(of.nowMs - IDLE_MS).toISOString();
  const full = of.maxBytes * FULL_SHARE;
  return sql`count(*) >= ${ROWS_MIN} or sum(${of.size}) >= ${full} or max(${of.toTime}) < ${idle}`;
}

async function openChunks(db: Database, tenant: string, chain: string) {
  return await db
    .select({
      tenant: auditChunks.tenant,
      chain: auditChunks.chain,
      first: auditChunks.first,
      size: auditChunks.size,
      toTime: auditChunks.toTime,
    })
    .from(auditChunks)
    .where(
      and(not(auditChunks.settled), eq(auditChunks.tenant, tenant), eq(auditChunks.chain, chain)),
    )
    .orderBy(asc(auditChunks.first))
    .limit(ROWS_MAX);
}

async function openHeaders(db: Database, chain: string) {
  return await db
    .select({
      chain: auditHeaders.chain,
      first: auditHeaders.first,
      last: auditHeaders.last,
      size: auditHeaders.size,
      toTime: auditHeaders.toTime,
    })
    .from(auditHeaders)
    .where(and(not(auditHeaders.settled), eq(auditHeaders.chain, chain)))
    .orderBy(asc(auditHeaders.first))
    .limit(ROWS_MAX);
}

interface GroupWork {
  readonly maxBytes: number;
  readonly nowMs: number;
  merge(plan: Merge): Promise<void>;
}

/** Merges what of a group is worth it; what is left over is looked at in the next round. */
async function mergeGroup(
  rows: readonly Open[],
  { maxBytes, nowMs, merge }: GroupWork,
): Promise<number> {
  const idle = (row: Open) => row.toTime.getTime() < nowMs - IDLE_MS;
  const mergeable = rows.map((row) => ({ size: row.size, idle: idle(row) }));
  let gone = 0;
  let from = 0;
  for (;;) {
    const plan = planMerge(mergeable.slice(from), maxBytes);
    if (!plan) return gone;
    await merge({ ...plan, start: from + plan.start, end: from + plan.end });
    gone += plan.end - plan.start - 1;
    from += plan.end;
  }
}

async function mergeChunks(
  db: Database,
  among: readonly { tenant: string; chain: string; first: number }[],
  settled: boolean,
): Promise<void> {
  const [{ tenant, chain } = { tenant: '', chain: '' }] = among;
  const firsts = among.map(({ first }) => first);
  const these = and(
    eq(auditChunks.tenant, tenant),
    eq(auditChunks.chain, chain),
    inArray(auditChunks.first, firsts),
  );
  const rows = await db
    .select()
    .from(auditChunks)
    .where(these)
    .orderBy(asc(auditChunks.first))
    .for('update');
  // Erased or merged by somebody else meanwhile.
  if (rows.length !== among.length) return;
  if (rows.length === 1) return void (await db.update(auditChunks).set({ settled }).where(these));
  const bodies = rows.flatMap((row) =>
    unpackBodies(row.bodies).map((one) => readAgain(one, row.toTime.getTime())),
  );
  await db.delete(auditChunks).where(these);
  await db.insert(auditChunks).values({ ...chunkRow(chain, chunkOf(tenant, bodies)), settled });
}

async function mergeHeaders(
  db: Database,
  among: readonly { chain: string; first: number }[],
  settled: boolean,
): Promise<void> {
  const [begin, end] = [among[0], among.at(-1)];
  if (!begin || !end) return;
  const { chain, first } = begin;
  const these: SQL | undefined = and(
    eq(auditHeaders.chain, chain),
    gte(auditHeaders.first, first),
    lte(auditHeaders.first, end.first),
  );
  const rows = await db
    .select()
    .from(auditHeaders)
    .where(these)
    .orderBy(asc(auditHeaders.first))
    .for('update');
  const [oldest, newest] = [rows[0], rows.at(-1)];
  if (!oldest || !newest || !followEachOther(rows) || rows.length !== among.length) return;
  if (rows.length === 1) return void (await db.update(auditHeaders).set({ settled }).where(these));
  const headers = rows.flatMap((row) => unpackHeaders(row.headers));
  const { before } = oldest;
  const row = headersRow({ chain, first, before, toMs: newest.toTime.getTime(), headers });
  await db.delete(auditHeaders).where(these);
  await db.insert(auditHeaders).values({ ...row, settled });
}

/** Rows in their order, parted where entries between them are lost, or were removed. */
function runsOf<T extends { first: number; last: number }>(rows: readonly T[]): T[][] {
  const runs: T[][] = [];
  for (const row of rows) {
    const run = runs.at(-1);
    if (run?.at(-1)?.last === row.first - 1) run.push(row);
    else runs.push([row]);
  }
  return runs;
}

/** What somebody tore a hole into stays as it is, for the verifier to find. */
function followEachOther(rows: readonly { first: number; last: number }[]): boolean {
  return rows.every((row, at) => at === 0 || rows[at - 1]?.last === row.first - 1);
}
