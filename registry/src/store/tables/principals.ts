import { create, type JsonObject } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { type Principal, PrincipalSchema } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { and, asc, eq, gt, sql } from 'drizzle-orm';
import type { Database } from '../driver.ts';
import { entryId } from '../entry.ts';
import type { Ledger } from '../ledger.ts';
import { principals } from '../schema.ts';
import type { Reader, Transaction } from '../store.ts';
import { dropCertificatesOf } from './certificates.ts';
import { dropKeysOf, publishKeysOf } from './keys.ts';
import { limitsField, limitsOrNull } from './limits.ts';
import { pageOf, rowsFor } from './page.ts';
import { dateOf } from './time.ts';

type Row = typeof principals.$inferSelect;

/** Reads principals. */
export function readPrincipals(db: Database): Pick<Reader, 'principal' | 'principals'> {
  return {
    async principal(tenant, name) {
      const [row] = await db.select().from(principals).where(is(tenant, name));
      return row && principalOf(row);
    },
    async principals(tenant, page) {
      const after = page.after?.[0];
      const rows = await db
        .select()
        .from(principals)
        .where(
          and(
            eq(principals.tenant, tenant),
            after === undefined ? undefined : gt(principals.name, after),
          ),
        )
        .orderBy(asc(principals.name))
        .limit(rowsFor(page));
      return pageOf(rows, page, { item: principalOf, place: (row) => [row.name] });
    },
  };
}

/** Writes principals. */
export function writePrincipals(
  db: Database,
  ledger: Ledger,
): Pick<Transaction, 'putPrincipal' | 'deletePrincipal'> {
  return {
    async putPrincipal(principal) {
      const before = await readPrincipals(db).principal(principal.tenant, principal.name);
      const row = rowOf(principal);
      await db
        .insert(principals)
        .values(row)
        .onConflictDoUpdate({ target: [principals.tenant, principals.name], set: row });
      await ledger.publish(entryId('principal', row.tenant, row.name), {
        case: 'principal',
        value: principal,
      });
      if (before && before.disabled !== principal.disabled) {
        await publishKeysOf(db, ledger, principal);
      }
    },
    async deletePrincipal(tenant, name) {
      await dropKeysOf(db, ledger, { tenant, name });
      await dropCertificatesOf(db, ledger, { tenant, name });
      await db.delete(principals).where(is(tenant, name));
      await ledger.publish(entryId('principal', tenant, name));
    },
  };
}

function is(tenant: string, name: string) {
  return and(eq(principals.tenant, tenant), eq(principals.name, name));
}

function principalOf(row: Row): Principal {
  return create(PrincipalSchema, {
    tenant: row.tenant,
    name: row.name,
    kind: row.kind,
    title: row.title,
    disabled: row.disabled,
    etag: row.etag,
    createTime: timestampFromDate(row.createTime),
    ...limitsField(row.limits),
    ...(row.attributes === null ? {} : { attributes: row.attributes as JsonObject }),
  });
}

function rowOf(principal: Principal): typeof principals.$inferInsert {
  return {
    tenant: principal.tenant,
    name: principal.name,
    kind: principal.kind,
    title: principal.title,
    attributes: principal.attributes ?? sql`null`,
    disabled: principal.disabled,
    limits: limitsOrNull(principal.limits),
    etag: principal.etag,
    createTime: dateOf(principal.createTime),
  };
}
