import { eq, sql } from 'drizzle-orm';
import type { Database } from '../driver.ts';
import { duties } from '../schema.ts';
import type { Store } from '../store.ts';

/** Shares duties out among several registries. */
export function sharingDuties(db: Database): Pick<Store, 'holdDuty' | 'releaseDuties'> {
  return {
    async holdDuty(name, holder, nowMs, expireMs) {
      const nowText = new Date(nowMs).toISOString();
      const value = { holder, expireTime: new Date(expireMs) };
      const held = await db
        .insert(duties)
        .values({ name, ...value })
        .onConflictDoUpdate({
          target: duties.name,
          set: value,
          setWhere: sql`${duties.holder} = ${holder} or ${duties.expireTime} < ${nowText}`,
        })
        .returning({ name: duties.name });
      return held.length > 0;
    },
    async releaseDuties(holder) {
      await db.delete(duties).where(eq(duties.holder, holder));
    },
  };
}
