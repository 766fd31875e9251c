import { create } from '@bufbuild/protobuf';
import { type Grant, GrantSchema } from '@weir/sdk/gen/weir/registry/v1/watch_pb';
import { and, asc, eq } from 'drizzle-orm';
import type { Database } from '../driver.ts';
import { entryId } from '../entry.ts';
import type { Ledger } from '../ledger.ts';
import { grants } from '../schema.ts';
import type { Reader, Transaction } from '../store.ts';

/** Reads grants. */
export function readGrants(db: Database): Pick<Reader, 'grants'> {
  return {
    async grants(tenant, provider) {
      const rows = await db
        .select()
        .from(grants)
        .where(and(eq(grants.tenant, tenant), eq(grants.provider, provider)))
        .orderBy(asc(grants.consumingTenant));
      return rows.map((row) => create(GrantSchema, row));
    },
  };
}

/** Writes grants. */
export function writeGrants(
  db: Database,
  ledger: Ledger,
): Pick<Transaction, 'putGrant' | 'deleteGrant'> {
  return {
    async putGrant(grant) {
      const { tenant, provider, consumingTenant } = grant;
      await db.insert(grants).values({ tenant, provider, consumingTenant }).onConflictDoNothing();
      await ledger.publish(idOf(grant), { case: 'grant', value: grant });
    },
    async deleteGrant(grant) {
      await db
        .delete(grants)
        .where(
          and(
            eq(grants.tenant, grant.tenant),
            eq(grants.provider, grant.provider),
            eq(grants.consumingTenant, grant.consumingTenant),
          ),
        );
      await ledger.publish(idOf(grant));
    },
  };
}

/** Removes the grants of a provider that is gone. */
export async function dropGrantsOf(
  db: Database,
  ledger: Ledger,
  tenant: string,
  provider: string,
): Promise<void> {
  const dropped = await db
    .delete(grants)
    .where(and(eq(grants.tenant, tenant), eq(grants.provider, provider)))
    .returning();
  for (const row of dropped) await ledger.publish(idOf(create(GrantSchema, row)));
}

function idOf(grant: Grant): string {
  return entryId('grant', grant.tenant, grant.provider, grant.consumingTenant);
}
