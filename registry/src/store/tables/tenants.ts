import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { type Tenant, TenantSchema } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { asc, eq, gt } from 'drizzle-orm';
import type { Database } from '../driver.ts';
import { entryId } from '../entry.ts';
import type { Ledger } from '../ledger.ts';
import { tenants } from '../schema.ts';
import type { Reader, Transaction } from '../store.ts';
import { pageOf, rowsFor } from './page.ts';
import { dateOf } from './time.ts';

type Row = typeof tenants.$inferSelect;

/** Reads tenants. */
export function readTenants(db: Database): Pick<Reader, 'tenant' | 'tenants'> {
  return {
    async tenant(name) {
      const [row] = await db.select().from(tenants).where(eq(tenants.name, name));
      return row && tenantOf(row);
    },
    async tenants(page) {
      const after = page.after?.[0];
      const rows = await db
        .select()
        .from(tenants)
        .where(after === undefined ? undefined : gt(tenants.name, after))
        .orderBy(asc(tenants.name))
        .limit(rowsFor(page));
      return pageOf(rows, page, { item: tenantOf, place: (row) => [row.name] });
    },
  };
}

/** Writes tenants. */
export function writeTenants(db: Database, ledger: Ledger): Pick<Transaction, 'putTenant'> {
  return {
    async putTenant(tenant) {
      const row = {
        name: tenant.name,
        title: tenant.title,
        createTime: dateOf(tenant.createTime),
      };
      await db.insert(tenants).values(row).onConflictDoUpdate({ target: tenants.name, set: row });
      await ledger.publish(entryId('tenant', tenant.name), { case: 'tenant', value: tenant });
    },
  };
}

function tenantOf(row: Row): Tenant {
  return create(TenantSchema, {
    name: row.name,
    title: row.title,
    createTime: timestampFromDate(row.createTime),
  });
}
