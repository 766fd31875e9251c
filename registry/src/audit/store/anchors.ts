import { timestampMs } from '@bufbuild/protobuf/wkt';
import { isSignedBy } from '@weir/journal';
import type { AnchorHeadRequest } from '@weir/sdk/gen/weir/audit/v1/journal_pb';
import { and, desc, eq, gt, gte, lt, lte } from 'drizzle-orm';
import type { Database } from '../../store/driver.ts';
import { auditAnchors } from '../../store/schema.ts';
import { type ChainRow, contradicts, equal, hashAt, readChain, type Taken } from './chains.ts';
import { gapOf } from './gaps.ts';

/** In one minute one anchor is kept of those that what is held has proven. */
const ANCHOR_SLOT_MS = 60_000;

/** Keeps an anchor, unless it contradicts what is held. */
export async function keepAnchor(db: Database, anchor: AnchorHeadRequest): Promise<Taken> {
  const { chain, head, signature } = anchor;
  const length = Number(anchor.length);
  const held = await readChain(db, chain, 'lock');
  if (!held) return { kind: 'unknown' };
  const timeMs = anchor.time ? timestampMs(anchor.time) : 0;
  if (!isSignedBy(new Uint8Array(held.publicKey), anchor)) {
    return contradicts(chain, length, 'an anchor came whose signature is wrong');
  }
  const fault = await anchorFault(db, held, { length, head, timeMs });
  if (fault !== undefined) return contradicts(chain, length, fault);
  const value = { head, signature, anchorTime: new Date(timeMs) };
  await db
    .insert(auditAnchors)
    .values({ chain, length, ...value })
    .onConflictDoNothing();
  await thinAnchors(db, held, length, timeMs);
  return { kind: 'taken', shipped: held.length };
}

/** The anchor of the most entries of a chain. */
export async function greatestAnchor(db: Database, chain: string) {
  const [row] = await db
    .select()
    .from(auditAnchors)
    .where(eq(auditAnchors.chain, chain))
    .orderBy(desc(auditAnchors.length))
    .limit(1);
  return row;
}

/** The heads of anchors of more than `from` and at most `to` entries, by their lengths. */
export async function anchorsBetween(db: Database, chain: string, from: number, to: number) {
  const { length } = auditAnchors;
  const within = and(gt(length, from), lte(length, to));
  const rows = await db
    .select()
    .from(auditAnchors)
    .where(and(eq(auditAnchors.chain, chain), within));
  return new Map(rows.map((row) => [row.length, row.head]));
}

/** What an anchor contradicts; undefined: nothing. */
async function anchorFault(
  db: Database,
  held: ChainRow,
  { length, head, timeMs }: { length: number; head: Uint8Array; timeMs: number },
): Promise<string | undefined> {
  const same = and(eq(auditAnchors.chain, held.id), eq(auditAnchors.length, length));
  const [before] = await db.select().from(auditAnchors).where(same);
  if (before && !equal(before.head, head)) return 'an anchor came with another head than before';
  const greatest = await greatestAnchor(db, held.id);
  if (greatest && greatest.length > length && greatest.anchorTime.getTime() < timeMs) {
    return 'an anchor came later than one of more entries';
  }
  if (length > held.length || length <= held.prunedLength) return undefined;
  const known = length === held.length ? held.head : await hashAt(db, held.id, length - 1);
  if (known && equal(known, head)) return undefined;
  const gap = known ? undefined : await gapOf(db, held.id, length - 1);
  // Of an entry that is lost nothing is known, but for the last.
  if (gap && (length < gap.end || equal(gap.head, head))) return undefined;
  return 'an anchor came that the entries do not lead to';
}

async function thinAnchors(db: Database, held: ChainRow, length: number, timeMs: number) {
  const slot = new Date(timeMs - (timeMs % ANCHOR_SLOT_MS));
  await db
    .delete(auditAnchors)
    .where(
      and(
        eq(auditAnchors.chain, held.id),
        lt(auditAnchors.length, length),
        lte(auditAnchors.length, held.length),
        gte(auditAnchors.anchorTime, slot),
      ),
    );
}
