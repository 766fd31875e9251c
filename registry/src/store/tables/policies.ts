import { create, fromJson, type JsonObject, toJson } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  type Policy,
  PolicyManifestSchema,
  PolicySchema,
} from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import { type PolicySummary, PolicySummarySchema } from '@weir/sdk/gen/weir/policy/v1/service_pb';
import { and, asc, desc, eq, getTableColumns, gt, lte } from 'drizzle-orm';
import type { Database } from '../driver.ts';
import { entryId } from '../entry.ts';
import type { Ledger } from '../ledger.ts';
import { policies } from '../schema.ts';
import type { Reader, Transaction } from '../store.ts';
import { pageOf, rowsFor } from './page.ts';
import { dateOf } from './time.ts';

/** How many versions of a policy are kept. */
const VERSIONS_MAX = 100;

type Row = typeof policies.$inferSelect;

/** A version without its rules, which may be much. */
const {
  tenant: _tenant,
  manifest: _manifest,
  manifestHash: _hash,
  ...brief
} = getTableColumns(policies);

/** Reads policies. */
export function readPolicies(
  db: Database,
): Pick<Reader, 'policy' | 'policiesInForce' | 'policies' | 'policyVersions'> {
  return {
    async policy(tenant, name, version) {
      const [row] = await db
        .select()
        .from(policies)
        .where(
          and(is(tenant, name), version === undefined ? undefined : eq(policies.version, version)),
        )
        .orderBy(desc(policies.version))
        .limit(1);
      return row && policyOf(row);
    },
    async policiesInForce(tenant) {
      const rows = await db
        .selectDistinctOn([policies.name])
        .from(policies)
        .where(eq(policies.tenant, tenant))
        .orderBy(asc(policies.name), desc(policies.version));
      return rows.map(policyOf);
    },
    async policies(tenant, page) {
      const after = page.after?.[0];
      const rows = await db
        .selectDistinctOn([policies.name], brief)
        .from(policies)
        .where(
          and(
            eq(policies.tenant, tenant),
            after === undefined ? undefined : gt(policies.name, after),
          ),
        )
        .orderBy(asc(policies.name), desc(policies.version))
        .limit(rowsFor(page));
      return pageOf(rows, page, {
        item: (row) => summaryOf(row, true),
        place: (row) => [row.name],
      });
    },
    async policyVersions(tenant, name) {
      const rows = await db
        .select(brief)
        .from(policies)
        .where(is(tenant, name))
        .orderBy(desc(policies.version));
      return rows.map((row, i) => summaryOf(row, i === 0));
    },
  };
}

/** Writes policies. */
export function writePolicies(
  db: Database,
  ledger: Ledger,
): Pick<Transaction, 'putPolicy' | 'deletePolicy'> {
  return {
    async putPolicy(policy) {
      const row = rowOf(policy);
      await db.insert(policies).values(row);
      const forgotten = lte(policies.version, row.version - VERSIONS_MAX);
      await db.delete(policies).where(and(is(row.tenant, row.name), forgotten));
      await ledger.publish(entryId('policy', row.tenant, row.name), {
        case: 'policy',
        value: policy,
      });
    },
    async deletePolicy(tenant, name) {
      await db.delete(policies).where(is(tenant, name));
      await ledger.publish(entryId('policy', tenant, name));
    },
  };
}

function is(tenant: string, name: string) {
  return and(eq(policies.tenant, tenant), eq(policies.name, name));
}

function policyOf(row: Row): Policy {
  return create(PolicySchema, {
    tenant: row.tenant,
    manifest: fromJson(PolicyManifestSchema, row.manifest as JsonObject),
    version: row.version,
    manifestHash: row.manifestHash,
    etag: row.etag,
    createTime: timestampFromDate(row.createTime),
    author: row.author,
    comment: row.comment,
  });
}

function summaryOf(
  { createTime, ...row }: Omit<Row, 'tenant' | 'manifest' | 'manifestHash'>,
  inForce: boolean,
): PolicySummary {
  return create(PolicySummarySchema, {
    ...row,
    createTime: timestampFromDate(createTime),
    inForce,
  });
}

function rowOf(policy: Policy): typeof policies.$inferInsert {
  const manifest = policy.manifest ?? create(PolicyManifestSchema);
  return {
    tenant: policy.tenant,
    name: manifest.name,
    version: policy.version,
    manifest: toJson(PolicyManifestSchema, manifest),
    title: manifest.title,
    rules: manifest.rules.length,
    manifestHash: policy.manifestHash,
    etag: policy.etag,
    author: policy.author,
    comment: policy.comment,
    createTime: dateOf(policy.createTime),
  };
}
