import { internalRetentionOf } from '@weir/kit';
import { and, asc, eq, gte, sql } from 'drizzle-orm';
import type { Database } from '../store/driver.ts';
import { eventLogs, events } from '../store/schema.ts';
import { holdLogs } from './append.ts';
import { isInternal, prune } from './prune.ts';

/** Forgets what is old of the logs of routers, in transactions of at most so many entries. */
export async function forgetInternal(db: Database, nowMs: number, limit: number): Promise<void> {
  const logs = await db
    .select({ name: eventLogs.tenant })
    .from(eventLogs)
    .where(isInternal)
    .orderBy(asc(eventLogs.tenant));
  for (const { name } of logs) {
    const retention = internalRetentionOf(name);
    if (!retention) continue;
    const { keptMs, maxBytes, passes } = retention;
    const beforeMs = nowMs - keptMs;
    if (passes && (await db.transaction((tx) => forgetWhole(tx, name, beforeMs)))) continue;
    const pruned = () => db.transaction((tx) => prune(tx, name, { beforeMs, maxBytes, limit }));
    while ((await pruned()) === limit);
  }
}

/** Forgets a log with all that is in it, if nothing was added since a time. Says whether it is gone. */
async function forgetWhole(db: Database, name: string, beforeMs: number): Promise<boolean> {
  await holdLogs(db, [name]);
  const isIn = eq(events.tenant, name);
  const [newer] = await db
    .select({ one: sql`1` })
    .from(events)
    .where(and(isIn, gte(events.createTime, new Date(beforeMs))))
    .limit(1);
  if (newer) return false;
  await db.delete(events).where(isIn);
  await db.delete(eventLogs).where(eq(eventLogs.tenant, name));
  return true;
}
