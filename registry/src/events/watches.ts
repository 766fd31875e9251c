import { and, eq, gt, lt, sql } from 'drizzle-orm';
import type { Database } from '../store/driver.ts';
import { eventWatches } from '../store/schema.ts';

/** The most providers that a router watches. */
export const WATCHES_MAX = 1_000;

/** A provider that is watched, of all its versions. */
export interface WatchName {
  readonly tenant: string;
  readonly provider: string;
}

/** How far a provider was read. */
export interface WatchPlace {
  /** Names what began without a cursor; empty: nothing has begun. */
  readonly run: string;
  readonly cursor: string;
}

/** A router that would watch, and until when it may unless it asks again. */
export interface WatchClaim {
  readonly holder: string;
  readonly nowMs: number;
  readonly expireMs: number;
}

/** What became of one claim: it is held, or another router's, until a time at the least. */
export type WatchHeld =
  | { readonly held: true; readonly place: WatchPlace }
  | { readonly held: false; readonly expireMs: number };

/** How a provider is watched, for people. */
export interface WatchState {
  /** Empty: nobody watches it at present. */
  readonly holder: string;
  readonly moveTime: Date | undefined;
}

/** The duties to watch providers: each is one router's at a time. */
export interface WatchDuties {
  /** Takes or keeps duties, and gives up the others that the holder has. Answers in the order of the names. */
  hold(names: readonly WatchName[], claim: WatchClaim): Promise<readonly WatchHeld[]>;
  /** Notes how far a provider was read; false: another router has the duty. */
  move(name: WatchName, holder: string, place: WatchPlace & { nowMs: number }): Promise<boolean>;
  /** How a provider is watched at a time. */
  state(name: WatchName, nowMs: number): Promise<WatchState>;
  /** Forgets how far providers were read that nobody watched since a time, at most so many. Says how many. */
  forget(beforeMs: number, limit: number): Promise<number>;
}

/** Opens the duties in a database. */
export function createWatchDuties(db: Database): WatchDuties {
  return {
    async hold(names, claim) {
      await giveUpOthers(db, names, claim);
      if (names.length === 0) return [];
      const mine = await claimAll(db, names, claim);
      const others = mine.size < names.length ? await heldBy(db, names) : new Map<string, number>();
      return names.map((name): WatchHeld => {
        const place = mine.get(keyOf(name));
        if (place) return { held: true, place };
        return { held: false, expireMs: others.get(keyOf(name)) ?? claim.nowMs };
      });
    },
    async move(name, holder, { run, cursor, nowMs }) {
      const moved = await db
        .update(eventWatches)
        // Where it begins it has told nothing yet.
        .set({ run, cursor, ...(cursor !== '' && { moveTime: new Date(nowMs) }) })
        .where(and(isNamed(name), eq(eventWatches.holder, holder)))
        .returning({ holder: eventWatches.holder });
      return moved.length > 0;
    },
    async state(name, nowMs) {
      const [row] = await db.select().from(eventWatches).where(isNamed(name));
      const isHeld = row !== undefined && row.expireTime.getTime() > nowMs;
      return { holder: isHeld ? row.holder : '', moveTime: row?.moveTime ?? undefined };
    },
    async forget(beforeMs, limit) {
      const old = db
        .select({ row: sql`ctid` })
        .from(eventWatches)
        .where(lt(eventWatches.expireTime, new Date(beforeMs)))
        .limit(limit);
      const gone = await db
        .delete(eventWatches)
        .where(sql`ctid in ${old}`)
        .returning({ provider: eventWatches.provider });
      return gone.length;
    },
  };
}

/** The names as rows; each is looked up in the index. */
function rowsOf(names: readonly WatchName[]) {
  return sql`unnest(
    ${sql.param(names.map(({ tenant }) => tenant))}::text[],
    ${sql.param(names.map(({ provider }) => provider))}::text[])`;
}

async function giveUpOthers(
  db: Database,
  names: readonly WatchName[],
  { holder, nowMs }: WatchClaim,
): Promise<void> {
  const { tenant, provider, expireTime } = eventWatches;
  const now = new Date(nowMs);
  await db
    .update(eventWatches)
    .set({ expireTime: now })
    .where(
      and(
        eq(eventWatches.holder, holder),
        gt(expireTime, now),
        sql`(${tenant}, ${provider}) not in (select * from ${rowsOf(names)})`,
      ),
    );
}

async function claimAll(
  db: Database,
  names: readonly WatchName[],
  { holder, nowMs, expireMs }: WatchClaim,
): Promise<ReadonlyMap<string, WatchPlace>> {
  const { tenant, provider, run, cursor, expireTime } = eventWatches;
  // In one order, or two routers could wait for each other.
  const wanted = [...names].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  const nowText = new Date(nowMs).toISOString();
  const taken = { holder, expireTime: new Date(expireMs) };
  const rows = await db
    .insert(eventWatches)
    .values(wanted.map((name) => ({ tenant: name.tenant, provider: name.provider, ...taken })))
    .onConflictDoUpdate({
      target: [tenant, provider],
      set: taken,
      setWhere: sql`${eventWatches.holder} = ${holder} or ${expireTime} <= ${nowText}`,
    })
    .returning({ tenant, provider, run, cursor });
  return new Map(rows.map((row) => [keyOf(row), { run: row.run, cursor: row.cursor }]));
}

async function heldBy(db: Database, names: readonly WatchName[]) {
  const { tenant, provider, expireTime } = eventWatches;
  const rows = await db
    .select({ tenant, provider, expireTime })
    .from(eventWatches)
    .where(sql`(${tenant}, ${provider}) in (select * from ${rowsOf(names)})`);
  return new Map(rows.map((row) => [keyOf(row), row.expireTime.getTime()]));
}

function isNamed({ tenant, provider }: WatchName) {
  return and(eq(eventWatches.tenant, tenant), eq(eventWatches.provider, provider));
}

/** No name holds a slash. */
function keyOf({ tenant, provider }: WatchName): string {
  return `${tenant}/${provider}`;
}
