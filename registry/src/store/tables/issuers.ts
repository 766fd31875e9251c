import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { type Issuer, IssuerSchema } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { and, asc, eq, gt } from 'drizzle-orm';
import type { Database } from '../driver.ts';
import { entryId } from '../entry.ts';
import type { Ledger } from '../ledger.ts';
import { issuerAudiences, issuers } from '../schema.ts';
import type { Reader, Transaction } from '../store.ts';
import { pageOf, rowsFor } from './page.ts';
import { dateOf } from './time.ts';

type Row = typeof issuers.$inferSelect;

/** Reads issuers. */
export function readIssuers(db: Database): Pick<Reader, 'issuer' | 'issuers' | 'issuerOf'> {
  async function issuer(tenant: string, name: string): Promise<Issuer | undefined> {
    const [row] = await db.select().from(issuers).where(is(tenant, name));
    return row && issuerFrom(row);
  }

  return {
    issuer,
    async issuers(tenant, page) {
      const after = page.after?.[0];
      const rows = await db
        .select()
        .from(issuers)
        .where(
          and(
            eq(issuers.tenant, tenant),
            after === undefined ? undefined : gt(issuers.name, after),
          ),
        )
        .orderBy(asc(issuers.name))
        .limit(rowsFor(page));
      return pageOf(rows, page, { item: issuerFrom, place: (row) => [row.name] });
    },
    async issuerOf(url, audience) {
      const pair = and(eq(issuerAudiences.url, url), eq(issuerAudiences.audience, audience));
      const [row] = await db.select().from(issuerAudiences).where(pair);
      return row && issuer(row.tenant, row.name);
    },
  };
}

/** Writes issuers. */
export function writeIssuers(
  db: Database,
  ledger: Ledger,
): Pick<Transaction, 'putIssuer' | 'deleteIssuer'> {
  async function dropAudiences(tenant: string, name: string): Promise<void> {
    const own = and(eq(issuerAudiences.tenant, tenant), eq(issuerAudiences.name, name));
    await db.delete(issuerAudiences).where(own);
  }

  return {
    async putIssuer(issuer) {
      const row = rowOf(issuer);
      const { tenant, name, url } = row;
      await db
        .insert(issuers)
        .values(row)
        .onConflictDoUpdate({ target: [issuers.tenant, issuers.name], set: row });
      await dropAudiences(tenant, name);
      const pairs = issuer.audiences.map((audience) => ({ url, audience, tenant, name }));
      if (pairs.length > 0) await db.insert(issuerAudiences).values(pairs);
      await ledger.publish(entryId('issuer', tenant, name), { case: 'issuer', value: issuer });
    },
    async deleteIssuer(tenant, name) {
      await dropAudiences(tenant, name);
      await db.delete(issuers).where(is(tenant, name));
      await ledger.publish(entryId('issuer', tenant, name));
    },
  };
}

function is(tenant: string, name: string) {
  return and(eq(issuers.tenant, tenant), eq(issuers.name, name));
}

function issuerFrom({ createTime, ...row }: Row): Issuer {
  return create(IssuerSchema, { ...row, createTime: timestampFromDate(createTime) });
}

function rowOf(issuer: Issuer): typeof issuers.$inferInsert {
  const { $typeName: _, $unknown: __, createTime, ...columns } = issuer;
  return { ...columns, createTime: dateOf(createTime) };
}
