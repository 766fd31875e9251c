import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import {
  type SnapshotDelta,
  SnapshotDeltaSchema,
  type SnapshotEntry,
  SnapshotEntrySchema,
} from '@weir/sdk/gen/weir/registry/v1/watch_pb';
import { and, asc, eq, gt, lt, lte, ne, or, sql } from 'drizzle-orm';
import type { Database } from './driver.ts';
import {
  createEntry,
  ENTRY_FORM,
  type EntryBody,
  entryBounds,
  entryDigest,
  entryRank,
} from './entry.ts';
import { changes, installation, snapshotEntries } from './schema.ts';
import type { Position, Snapshot } from './store.ts';

/** On which channel registries tell each other that something changed. */
export const CHANGE_CHANNEL = 'weir_changes';

/** Numbers the writes of one transaction, and keeps what routers have to learn of them. */
export interface Ledger {
  /** Tells routers what an entry holds now; without a body it is removed. */
  publish(id: string, body?: EntryBody): Promise<void>;
  /** Writes the revision. Returns the position after the transaction. */
  close(): Promise<Position>;
}

/**
 * Opens the ledger, which takes the one lock that puts all writers in line: what a transaction
 * reads afterwards stays true until it ends, and revisions commit in order.
 */
export async function openLedger(db: Database, nowMs: number): Promise<Ledger> {
  const before = await readPosition(db, true);
  const revision = before.revision + 1n;
  const pending = new Map<string, SnapshotEntry>();
  let digest = before.digest;

  async function publish(id: string, body?: EntryBody): Promise<void> {
    const entry = createEntry(id, revision, body);
    const held = await heldRevision(db, id);
    if (held === undefined && !body) return;
    if (held === undefined) await requireRoom(db, id);
    if (held !== undefined) digest ^= entryDigest(id, held);
    if (body) digest ^= entryDigest(id, revision);
    await (body ? keepEntry(db, entry) : dropEntry(db, id));
    pending.set(id, entry);
  }

  async function close(): Promise<Position> {
    if (pending.size === 0) return before;
    const entries = [...pending.values()].sort((a, b) => entryRank(a.id) - entryRank(b.id));
    const delta = create(SnapshotDeltaSchema, {
      fromRevision: before.revision,
      revision,
      entries,
      digest,
    });
    await writeDelta(db, delta, nowMs);
    return { epoch: before.epoch, revision, digest };
  }

  return { publish, close };
}

/** The installation's position; with `lock`, nobody else writes until the transaction ends. */
export async function readPosition(db: Database, lock = false): Promise<Position> {
  const query = db.select().from(installation).where(eq(installation.id, 1));
  const [row] = await (lock ? query.for('update') : query);
  if (!row) throw new Error('the database has no installation row');
  return { epoch: row.epoch, revision: row.revision, digest: BigInt.asUintN(64, row.digest) };
}

/** Writes the installation row of a new database. */
export async function seedInstallation(db: Database, epoch: string): Promise<void> {
  await db
    .insert(installation)
    .values({ id: 1, epoch, revision: 0n, digest: 0n, entryForm: ENTRY_FORM })
    .onConflictDoNothing();
}

/**
 * Begins another epoch when the database is another one than that of the epoch: a restored one
 * lacks what was written after the copy was made, and revisions do not compare any more.
 */
export async function renewEpoch(db: Database, identity: string, epoch: string): Promise<void> {
  if (identity === '') return;
  const first = sql`${installation.database} = ''`;
  await db
    .update(installation)
    .set({
      database: identity,
      epoch: sql`case when ${first} then ${installation.epoch} else ${epoch} end`,
    })
    .where(and(eq(installation.id, 1), ne(installation.database, identity)));
}

/** All entries at one position. Must run where reads are repeatable. */
export async function readSnapshot(db: Database): Promise<Snapshot> {
  const position = await readPosition(db);
  const rows = await db
    .select({ entry: snapshotEntries.entry })
    .from(snapshotEntries)
    .orderBy(asc(snapshotEntries.rank), asc(snapshotEntries.id));
  return { ...position, entries: rows.map((row) => fromBinary(SnapshotEntrySchema, row.entry)) };
}

/** The deltas after a revision; undefined when the oldest of them is gone. */
export async function readChangesAfter(
  db: Database,
  revision: bigint,
  limit: number,
): Promise<SnapshotDelta[] | undefined> {
  const rows = await db
    .select({ revision: changes.revision, delta: changes.delta })
    .from(changes)
    .where(gt(changes.revision, revision))
    .orderBy(asc(changes.revision))
    .limit(limit);
  const first = rows[0];
  if (!first) {
    const position = await readPosition(db);
    return position.revision === revision ? [] : undefined;
  }
  if (first.revision !== revision + 1n) return undefined;
  return rows.map((row) => fromBinary(SnapshotDeltaSchema, row.delta));
}

/** Forgets deltas before the time given, and all but the newest `kept`. */
export async function pruneChanges(db: Database, kept: number, beforeMs: number): Promise<void> {
  const { revision } = await readPosition(db);
  await db
    .delete(changes)
    .where(
      or(
        lte(changes.revision, revision - BigInt(kept)),
        lt(changes.createTime, new Date(beforeMs)),
      ),
    );
}

/** Throws when there may be no more entries of this kind. */
async function requireRoom(db: Database, id: string): Promise<void> {
  const { kind, prefix, max } = entryBounds(id);
  const { id: ids, rank } = snapshotEntries;
  // "0" follows "/".
  const among = and(eq(rank, entryRank(id)), gt(ids, prefix), lt(ids, `${prefix.slice(0, -1)}0`));
  const held = await db.$count(snapshotEntries, among);
  if (held < max) return;
  const text = kind === 'tenant' ? 'there are' : 'the tenant has';
  const things = kind === 'policy' ? 'policies' : `${kind}s`;
  throw refuse(Reason.TOO_MANY, `${text} ${max} ${things}, as many as there may be; remove some`);
}

async function heldRevision(db: Database, id: string): Promise<bigint | undefined> {
  const [row] = await db
    .select({ revision: snapshotEntries.revision })
    .from(snapshotEntries)
    .where(eq(snapshotEntries.id, id));
  return row?.revision;
}

async function keepEntry(db: Database, entry: SnapshotEntry): Promise<void> {
  const value = { revision: entry.revision, entry: toBinary(SnapshotEntrySchema, entry) };
  await db
    .insert(snapshotEntries)
    .values({ id: entry.id, rank: entryRank(entry.id), ...value })
    .onConflictDoUpdate({ target: snapshotEntries.id, set: value });
}

async function dropEntry(db: Database, id: string): Promise<void> {
  await db.delete(snapshotEntries).where(eq(snapshotEntries.id, id));
}

async function writeDelta(db: Database, delta: SnapshotDelta, nowMs: number): Promise<void> {
  await db.insert(changes).values({
    revision: delta.revision,
    delta: toBinary(SnapshotDeltaSchema, delta),
    createTime: new Date(nowMs),
  });
  await db
    .update(installation)
    .set({ revision: delta.revision, digest: BigInt.asIntN(64, delta.digest) })
    .where(eq(installation.id, 1));
  await db.execute(sql`select pg_notify(${CHANGE_CHANNEL}, ${String(delta.revision)})`);
}
