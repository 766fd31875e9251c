import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { type LostEntries, LostEntriesSchema } from '@weir/sdk/gen/weir/audit/v1/audit_pb';
import { and, eq, gt, lte } from 'drizzle-orm';
import type { Database } from '../../store/driver.ts';
import { auditGaps } from '../../store/schema.ts';
import type { Sealed, Seals } from '../seals.ts';

/** Entries that neither the registry nor the router that wrote them has any more. */
export interface Gap {
  readonly chain: string;
  /** The position of the first. */
  readonly first: number;
  /** The position after the last. */
  readonly end: number;
  /** The hash of the last. */
  readonly head: Uint8Array;
}

/** What notes gaps. */
export interface GapDeps {
  readonly db: Database;
  readonly seals: Seals;
  readonly nowMs: number;
}

type GapRow = typeof auditGaps.$inferSelect;

/** The kind of the seals of gaps. */
const GAP_SEAL = 'gap';

/** Notes, and seals, that entries are lost. */
export async function noteGap({ db, seals, nowMs }: GapDeps, gap: Gap): Promise<void> {
  const row = { ...gap, findTime: new Date(nowMs) };
  await db.insert(auditGaps).values({ ...row, seal: seals.seal(GAP_SEAL, sealedGap(row)) });
}

/** The gap that an entry lies in; undefined: in none. */
export async function gapOf(
  db: Database,
  chain: string,
  position: number,
): Promise<GapRow | undefined> {
  const { first, end } = auditGaps;
  const around = and(eq(auditGaps.chain, chain), lte(first, position), gt(end, position));
  const [row] = await db.select().from(auditGaps).where(around).limit(1);
  return row;
}

/** The gap that an entry lies in, when the registry itself noted it. */
export async function sealedGapOf(
  { db, seals }: Omit<GapDeps, 'nowMs'>,
  chain: string,
  position: number,
): Promise<LostEntries | undefined> {
  const row = await gapOf(db, chain, position);
  return row && seals.holds(GAP_SEAL, sealedGap(row), row.seal) ? lostOf(row) : undefined;
}

function sealedGap({ chain, first, end, head, findTime }: Omit<GapRow, 'seal'>): Sealed {
  return [chain, first, end, head, findTime.getTime()];
}

function lostOf({ chain, first, end, head, findTime }: GapRow): LostEntries {
  return create(LostEntriesSchema, {
    chain,
    first: BigInt(first),
    count: BigInt(end - first),
    head: new Uint8Array(head),
    time: timestampFromDate(findTime),
  });
}
