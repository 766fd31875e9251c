import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  type DroppedBodies,
  DroppedBodiesSchema,
  DropReason,
} from '@weir/sdk/gen/weir/audit/v1/audit_pb';
import { and, asc, eq, inArray, lt, lte } from 'drizzle-orm';
import type { Database } from '../../store/driver.ts';
import {
  auditAnchors,
  auditChains,
  auditChunks,
  auditDrops,
  auditGaps,
  auditHeaders,
} from '../../store/schema.ts';
import { unpackBodies } from '../chunk.ts';
import { packRuns, runsOf, unpackRuns } from '../runs.ts';
import type { Sealed, Seals } from '../seals.ts';
import { hashAt } from './chains.ts';

/** The kinds of seals. */
export const DROP_SEAL = 'drop';
export const PRUNE_SEAL = 'prune';

/** What drops bodies works with. */
export interface DropDeps {
  readonly db: Database;
  readonly seals: Seals;
  readonly wallMs: () => number;
}

/** Chunks dropped in one transaction. */
const CHUNKS_AT_ONCE = 200;

type DropRow = typeof auditDrops.$inferSelect;

/**
 * Drops the chunks of a tenant whose records are all older than a time, some at once. Says how many;
 * none: there are no more.
 */
export async function dropOlder(deps: DropDeps, tenant: string, beforeMs: number): Promise<number> {
  return await deps.db.transaction(async (tx) => {
    const rows = await tx
      .select()
      .from(auditChunks)
      .where(and(eq(auditChunks.tenant, tenant), lt(auditChunks.toTime, new Date(beforeMs))))
      .orderBy(asc(auditChunks.toTime))
      .limit(CHUNKS_AT_ONCE)
      .for('update');
    for (const [chain, own] of Map.groupBy(rows, (row) => row.chain)) {
      const positions = own
        .flatMap((row) => unpackBodies(row.bodies).map((one) => one.position))
        .sort((a, b) => a - b);
      await noteDrop(
        { ...deps, db: tx },
        { tenant, chain, positions, reason: DropReason.RETENTION },
      );
      const firsts = own.map(({ first }) => first);
      await tx.delete(auditChunks).where(ofTenant(tenant, chain, firsts));
    }
    return rows.length;
  });
}

/** Forgets the oldest entries of a chain, of which no body is left and that are older than a time. */
export async function pruneChain(deps: DropDeps, chain: string, beforeMs: number): Promise<void> {
  await deps.db.transaction(async (tx) => {
    const [held] = await tx
      .select()
      .from(auditChains)
      .where(eq(auditChains.id, chain))
      .for('update');
    const [oldest] = await tx
      .select({ first: auditChunks.first })
      .from(auditChunks)
      .where(eq(auditChunks.chain, chain))
      .orderBy(asc(auditChunks.first))
      .limit(1);
    const rows = await tx
      .select({ last: auditHeaders.last })
      .from(auditHeaders)
      .where(
        and(
          eq(auditHeaders.chain, chain),
          lt(auditHeaders.toTime, new Date(beforeMs)),
          oldest && lt(auditHeaders.last, oldest.first),
        ),
      );
    const last = rows.reduce((greatest, row) => Math.max(greatest, row.last), -1);
    const head = last < 0 ? undefined : await hashAt(tx, chain, last);
    if (!held || !head) return;
    const length = last + 1;
    const prunedSeal = deps.seals.seal(PRUNE_SEAL, [chain, length, head]);
    const pruned = { prunedLength: length, prunedHead: head, prunedSeal };
    await tx.update(auditChains).set(pruned).where(eq(auditChains.id, chain));
    const { first } = auditHeaders;
    await tx.delete(auditHeaders).where(and(eq(auditHeaders.chain, chain), lt(first, length)));
    await tx
      .delete(auditDrops)
      .where(and(eq(auditDrops.chain, chain), lt(auditDrops.last, length)));
    await tx.delete(auditGaps).where(and(eq(auditGaps.chain, chain), lte(auditGaps.end, length)));
    await tx
      .delete(auditAnchors)
      .where(and(eq(auditAnchors.chain, chain), lte(auditAnchors.length, length)));
  });
}

/** What was dropped of a chain; of a row whose seal is broken: undefined in its place. */
export async function readDrops(
  db: Database,
  seals: Seals,
  chain: string,
): Promise<(DroppedBodies | undefined)[]> {
  const rows = await db
    .select()
    .from(auditDrops)
    .where(eq(auditDrops.chain, chain))
    .orderBy(asc(auditDrops.first), asc(auditDrops.id));
  return rows.map((row) =>
    seals.holds(DROP_SEAL, sealedDrop(row), row.seal) ? dropOf(row) : undefined,
  );
}

/** Notes, and seals, which bodies were dropped. */
export async function noteDrop(
  { db, seals, wallMs }: DropDeps,
  {
    positions,
    ...of
  }: { tenant: string; chain: string; positions: readonly number[]; reason: DropReason },
): Promise<void> {
  const row = {
    ...of,
    first: positions[0] ?? 0,
    last: positions.at(-1) ?? 0,
    runs: packRuns(runsOf(positions)),
    dropTime: new Date(wallMs()),
  };
  await db.insert(auditDrops).values({ ...row, seal: seals.seal(DROP_SEAL, sealedDrop(row)) });
}

function sealedDrop(row: Omit<DropRow, 'id' | 'seal'>): Sealed {
  const { tenant, chain, first, last, runs, reason, dropTime } = row;
  return [tenant, chain, first, last, runs, reason, dropTime.getTime()];
}

function dropOf({ chain, runs, reason, dropTime }: DropRow): DroppedBodies {
  return create(DroppedBodiesSchema, {
    chain,
    ranges: unpackRuns(runs).map(({ first, count }) => ({
      first: BigInt(first),
      count: BigInt(count),
    })),
    reason,
    time: timestampFromDate(dropTime),
  });
}

/** Chunks of one tenant in one chain. */
export function ofTenant(tenant: string, chain: string, firsts: number[]) {
  return and(
    eq(auditChunks.tenant, tenant),
    eq(auditChunks.chain, chain),
    inArray(auditChunks.first, firsts),
  );
}
