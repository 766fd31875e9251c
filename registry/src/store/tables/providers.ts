import { create, fromJson, type JsonObject, toJson } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  type Provider,
  ProviderManifestSchema,
  ProviderSchema,
} from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { and, desc, eq, or } from 'drizzle-orm';
import type { Database } from '../driver.ts';
import { entryId } from '../entry.ts';
import type { Ledger } from '../ledger.ts';
import { providers } from '../schema.ts';
import type { ProviderKey, Reader, Transaction } from '../store.ts';
import { versionOrder } from '../version-order.ts';
import { afterVersion, byVersion, holds, matching, wordsOf } from './catalogue.ts';
import { dropEndpointsOf } from './endpoints.ts';
import { dropGrantsOf } from './grants.ts';
import { pageOf, rowsFor } from './page.ts';
import { dateOf } from './time.ts';

type Row = typeof providers.$inferSelect;

type ProviderReader = Pick<
  Reader,
  'provider' | 'providerVersions' | 'providers' | 'providersOffering'
>;

/** Reads provider versions. */
export function readProviders(db: Database): ProviderReader {
  const versions = (tenant: string, name: string) =>
    db
      .select()
      .from(providers)
      .where(and(eq(providers.tenant, tenant), eq(providers.name, name)))
      .orderBy(desc(providers.versionOrder));
  return {
    async provider(key) {
      const [row] = await db.select().from(providers).where(is(key));
      return row && providerOf(row);
    },
    providerVersions: async (tenant, name) => (await versions(tenant, name)).map(providerOf),
    async providers(tenant, filter, page) {
      const rows = await db
        .select()
        .from(providers)
        .where(
          and(
            eq(providers.tenant, tenant),
            matching(providers, filter, (type) => ({ contexts: [{ type }] })),
            afterVersion(providers, page.after),
          ),
        )
        .orderBy(...byVersion(providers))
        .limit(rowsFor(page));
      return pageOf(rows, page, {
        item: providerOf,
        place: (row) => [row.name, row.versionOrder],
      });
    },
    async providersOffering(tenant, offer, limit) {
      const rows = await db
        .select()
        .from(providers)
        .where(
          and(
            eq(providers.tenant, tenant),
            or(
              holds(providers.manifest, { contexts: [offer] }),
              holds(providers.manifest, { topics: [offer] }),
            ),
          ),
        )
        .orderBy(...byVersion(providers))
        .limit(limit);
      return rows.map(providerOf);
    },
  };
}

/** Writes provider versions. */
export function writeProviders(
  db: Database,
  ledger: Ledger,
): Pick<Transaction, 'putProvider' | 'deleteProvider'> {
  const id = (key: ProviderKey) => entryId('provider', key.tenant, key.name, key.version);
  return {
    async putProvider(provider) {
      const row = rowOf(provider);
      await db
        .insert(providers)
        .values(row)
        .onConflictDoUpdate({
          target: [providers.tenant, providers.name, providers.version],
          set: row,
        });
      await ledger.publish(id(row), { case: 'provider', value: provider });
    },
    async deleteProvider(key) {
      await dropEndpointsOf(db, ledger, key);
      await db.delete(providers).where(is(key));
      await ledger.publish(id(key));
      const left = await readProviders(db).providerVersions(key.tenant, key.name);
      if (left.length === 0) await dropGrantsOf(db, ledger, key.tenant, key.name);
    },
  };
}

function is(key: ProviderKey) {
  return and(
    eq(providers.tenant, key.tenant),
    eq(providers.name, key.name),
    eq(providers.version, key.version),
  );
}

function providerOf(row: Row): Provider {
  return create(ProviderSchema, {
    tenant: row.tenant,
    manifest: fromJson(ProviderManifestSchema, row.manifest as JsonObject),
    manifestHash: row.manifestHash,
    etag: row.etag,
    createTime: timestampFromDate(row.createTime),
    updateTime: timestampFromDate(row.updateTime),
  });
}

function rowOf(provider: Provider): typeof providers.$inferInsert {
  const manifest = provider.manifest ?? create(ProviderManifestSchema);
  return {
    tenant: provider.tenant,
    name: manifest.name,
    version: manifest.version,
    versionOrder: versionOrder(manifest.version),
    manifest: toJson(ProviderManifestSchema, manifest),
    manifestHash: provider.manifestHash,
    etag: provider.etag,
    words: wordsOf(manifest),
    createTime: dateOf(provider.createTime),
    updateTime: dateOf(provider.updateTime),
  };
}
