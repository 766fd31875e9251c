import { create } from '@bufbuild/protobuf';
import { durationFromMs, durationMs, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { type Tenant, TenantSchema } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { asc, eq, gt } from 'drizzle-orm';
import type { Database } from '../driver.ts';
import { entryId } from '../entry.ts';
import type { Ledger } from '../ledger.ts';
import { tenants } from '../schema.ts';
import type { Reader, Transaction } from '../store.ts';
import { limitsField, limitsOrNull } from './limits.ts';
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
      const row = rowOf(tenant);
      await db.insert(tenants).values(row).onConflictDoUpdate({ target: tenants.name, set: row });
      await ledger.publish(entryId('tenant', tenant.name), { case: 'tenant', value: tenant });
    },
  };
}

function tenantOf(row: Row): Tenant {
  return create(TenantSchema, {
    name: row.name,
    title: row.title,
    etag: row.etag,
    createTime: timestampFromDate(row.createTime),
    ...limitsField(row.limits),
    ...(row.auditRetentionMs === null
      ? {}
      : { auditRetention: durationFromMs(row.auditRetentionMs) }),
  });
}

function rowOf(tenant: Tenant): typeof tenants.$inferInsert {
  return {
    name: tenant.name,
    title: tenant.title,
    limits: limitsOrNull(tenant.limits),
    auditRetentionMs: tenant.auditRetention ? durationMs(tenant.auditRetention) : null,
    etag: tenant.etag,
    createTime: dateOf(tenant.createTime),
  };
}
