import { refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { and, count, eq, lt, sql } from 'drizzle-orm';
import type { Database } from '../store/driver.ts';
import { eventGroups } from '../store/schema.ts';

/** The most groups of workers of a tenant. */
export const GROUPS_MAX = 1_000;

/** What routers keep of a group of workers; the registry does not look into it. */
export interface StoredGroup {
  readonly state: Uint8Array;
  /** Raised by each write; 0: there is no such group. */
  readonly version: bigint;
}

/** A group to write over the version that was read, and when it is written. */
export interface GroupWritten extends StoredGroup {
  readonly nowMs: number;
}

const none: StoredGroup = { state: new Uint8Array(), version: 0n };

/** Reads a group. */
export async function readGroup(db: Database, tenant: string, name: string): Promise<StoredGroup> {
  const { state, version } = eventGroups;
  const [row] = await db.select({ state, version }).from(eventGroups).where(named(tenant, name));
  return row ?? none;
}

interface GroupWrite extends GroupWritten {
  readonly tenant: string;
  readonly name: string;
}

/** Writes a group over the version that was read; false: somebody else wrote since. */
export async function writeGroup(db: Database, write: GroupWrite): Promise<boolean> {
  if (write.version === 0n) return await db.transaction((tx) => addGroup(tx, write));
  const { tenant, name, state, version, nowMs } = write;
  const written = await db
    .update(eventGroups)
    .set({ state, version: version + 1n, updateTime: new Date(nowMs) })
    .where(and(named(tenant, name), eq(eventGroups.version, version)))
    .returning({ version: eventGroups.version });
  return written.length > 0;
}

async function addGroup(
  db: Database,
  { tenant, name, state, nowMs }: GroupWrite,
): Promise<boolean> {
  // Who adds a group of a tenant waits until those before have committed, so that they are counted.
  await db.execute(
    sql`select pg_advisory_xact_lock(hashtextextended(${`groups of ${tenant}`}, 0))`,
  );
  const [there] = await db
    .select({ groups: count() })
    .from(eventGroups)
    .where(eq(eventGroups.tenant, tenant));
  const { version } = await readGroup(db, tenant, name);
  if (version > 0n) return false;
  if ((there?.groups ?? 0) >= GROUPS_MAX) throw tooMany();
  const row = { tenant, name, state, version: 1n, updateTime: new Date(nowMs) };
  await db.insert(eventGroups).values(row);
  return true;
}

/** Forgets groups that were not written since a time, at most so many. Says how many. */
export async function forgetGroups(db: Database, beforeMs: number, limit: number): Promise<number> {
  const old = db
    .select({ row: sql`ctid` })
    .from(eventGroups)
    .where(lt(eventGroups.updateTime, new Date(beforeMs)))
    .limit(limit);
  const gone = await db
    .delete(eventGroups)
    .where(sql`ctid in ${old}`)
    .returning({ name: eventGroups.name });
  return gone.length;
}

function named(tenant: string, name: string) {
  return and(eq(eventGroups.tenant, tenant), eq(eventGroups.name, name));
}

function tooMany() {
  const text = `the tenant has ${GROUPS_MAX} groups of workers, and may have no more; use one of them, or wait until one that nobody pulls from is forgotten`;
  return refuse(Reason.TOO_MANY, text);
}
