import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  type CertificateIdentity,
  CertificateIdentitySchema,
} from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { and, asc, eq, gt } from 'drizzle-orm';
import type { Database } from '../driver.ts';
import { entryId } from '../entry.ts';
import type { Ledger } from '../ledger.ts';
import { certificates } from '../schema.ts';
import type { Reader, Transaction } from '../store.ts';
import { pageOf, rowsFor } from './page.ts';
import { dateOf } from './time.ts';

type Row = typeof certificates.$inferSelect;
type Match = CertificateIdentity['match'];

/** Reads which client certificates are believed. */
export function readCertificates(
  db: Database,
): Pick<Reader, 'certificate' | 'certificates' | 'certificateOf'> {
  return {
    async certificate(tenant, name) {
      const [row] = await db.select().from(certificates).where(is(tenant, name));
      return row && certificateFrom(row);
    },
    async certificates(tenant, { principal, consumer }, page) {
      const after = page.after?.[0];
      const rows = await db
        .select()
        .from(certificates)
        .where(
          and(
            eq(certificates.tenant, tenant),
            principal === undefined ? undefined : eq(certificates.principal, principal),
            consumer === undefined ? undefined : eq(certificates.consumer, consumer),
            after === undefined ? undefined : gt(certificates.name, after),
          ),
        )
        .orderBy(asc(certificates.name))
        .limit(rowsFor(page));
      return pageOf(rows, page, { item: certificateFrom, place: (row) => [row.name] });
    },
    async certificateOf(match) {
      if (match.case === undefined) return undefined;
      const [row] = await db
        .select()
        .from(certificates)
        .where(eq(certificates[match.case], match.value));
      return row && certificateFrom(row);
    },
  };
}

/** Writes which client certificates are believed. */
export function writeCertificates(
  db: Database,
  ledger: Ledger,
): Pick<Transaction, 'putCertificate' | 'deleteCertificate'> {
  return {
    async putCertificate(certificate) {
      const row = rowOf(certificate);
      await db
        .insert(certificates)
        .values(row)
        .onConflictDoUpdate({ target: [certificates.tenant, certificates.name], set: row });
      await ledger.publish(entryId('certificate', row.tenant, row.name), {
        case: 'certificate',
        value: certificate,
      });
    },
    async deleteCertificate(tenant, name) {
      await db.delete(certificates).where(is(tenant, name));
      await ledger.publish(entryId('certificate', tenant, name));
    },
  };
}

/** Removes the certificates of a principal: another one of its name must not inherit them. */
export async function dropCertificatesOf(
  db: Database,
  ledger: Ledger,
  principal: { tenant: string; name: string },
): Promise<void> {
  const { tenant } = principal;
  const dropped = await db
    .delete(certificates)
    .where(and(eq(certificates.tenant, tenant), eq(certificates.principal, principal.name)))
    .returning({ name: certificates.name });
  for (const { name } of dropped) await ledger.publish(entryId('certificate', tenant, name));
}

function is(tenant: string, name: string) {
  return and(eq(certificates.tenant, tenant), eq(certificates.name, name));
}

function certificateFrom({ spiffeId, subject, createTime, ...row }: Row): CertificateIdentity {
  return create(CertificateIdentitySchema, {
    ...row,
    match: matchOf(spiffeId, subject),
    createTime: timestampFromDate(createTime),
  });
}

function matchOf(spiffeId: string | null, subject: string | null): Match {
  if (spiffeId !== null) return { case: 'spiffeId', value: spiffeId };
  if (subject !== null) return { case: 'subject', value: subject };
  return { case: undefined };
}

function rowOf(certificate: CertificateIdentity): typeof certificates.$inferInsert {
  const { tenant, name, match, principal, consumer, scopes, permits } = certificate;
  return {
    ...{ tenant, name, principal, consumer, scopes, permits },
    spiffeId: match.case === 'spiffeId' ? match.value : null,
    subject: match.case === 'subject' ? match.value : null,
    createTime: dateOf(certificate.createTime),
  };
}
