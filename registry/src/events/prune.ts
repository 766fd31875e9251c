import { and, asc, eq, gt, like, lt, not, or, sql } from 'drizzle-orm';
import type { Database } from '../store/driver.ts';
import { eventLogs, eventPublications, events } from '../store/schema.ts';
import { holdLogs } from './append.ts';
import type { Retention } from './event-store.ts';

/** Of a log: that it is one of those in which routers tell each other things. */
export const isInternal = like(eventLogs.tenant, '~%');

/** The tenants of whose logs something is beyond what is kept; no log is held for it. */
export async function beyond(
  db: Database,
  { beforeMs, maxBytes }: Retention,
): Promise<readonly string[]> {
  const isOldest = and(eq(events.tenant, eventLogs.tenant), eq(events.position, eventLogs.first));
  const rows = await db
    .select({ tenant: eventLogs.tenant })
    .from(eventLogs)
    .leftJoin(events, isOldest)
    .where(
      and(
        not(isInternal),
        or(gt(eventLogs.size, maxBytes), lt(events.createTime, new Date(beforeMs))),
      ),
    )
    .orderBy(asc(eventLogs.tenant));
  return rows.map(({ tenant }) => tenant);
}

/** Forgets the oldest of a log in a transaction, at most so many. Says how many. */
export async function prune(
  db: Database,
  tenant: string,
  { beforeMs, maxBytes, limit }: Retention & { readonly limit: number },
): Promise<number> {
  const [log] = await holdLogs(db, [tenant]);
  if (!log) return 0;
  const oldest = await db
    .select({ position: events.position, size: events.size, createTime: events.createTime })
    .from(events)
    .where(eq(events.tenant, tenant))
    .orderBy(asc(events.position))
    .limit(limit);
  let { first, size } = log;
  for (const event of oldest) {
    if (size <= maxBytes && event.createTime.getTime() >= beforeMs) break;
    size -= event.size;
    first = event.position + 1n;
  }
  if (first === log.first) return 0;
  await db.delete(events).where(and(eq(events.tenant, tenant), lt(events.position, first)));
  await db.update(eventLogs).set({ first, size }).where(eq(eventLogs.tenant, tenant));
  return Number(first - log.first);
}

/** Forgets which requests were answered before a time, at most so many. Says how many. */
export async function forgetPublications(
  db: Database,
  beforeMs: number,
  limit: number,
): Promise<number> {
  const { createTime } = eventPublications;
  const old = db
    .select({ row: sql`ctid` })
    .from(eventPublications)
    .where(lt(createTime, new Date(beforeMs)))
    .limit(limit);
  const gone = await db
    .delete(eventPublications)
    .where(sql`ctid in ${old}`)
    .returning({ createTime });
  return gone.length;
}
