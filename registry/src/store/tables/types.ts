import { create, fromJson, type JsonObject, type JsonValue, toJson } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  type ContextType,
  ContextTypeManifestSchema,
  ContextTypeSchema,
} from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { and, asc, desc, eq, inArray, sql } from 'drizzle-orm';
import type { Database } from '../driver.ts';
import { entryId } from '../entry.ts';
import type { Ledger } from '../ledger.ts';
import { contextTypes } from '../schema.ts';
import type { Reader, Transaction } from '../store.ts';
import { versionOrder } from '../version-order.ts';
import { afterVersion, byVersion, matching, wordsOf } from './catalogue.ts';
import { pageOf, rowsFor } from './page.ts';
import { dateOf } from './time.ts';

type Row = typeof contextTypes.$inferSelect;

const BUILT_IN = ''; // the tenant of the built-in types

/** Reads context types. */
export function readTypes(db: Database): Pick<Reader, 'type' | 'typeVersions' | 'types'> {
  return {
    async type(tenant, name, version) {
      const [row] = await db
        .select()
        .from(contextTypes)
        .where(is(tenant, name, version));
      return row && typeOf(row);
    },
    async typeVersions(tenant, name) {
      const rows = await db
        .select()
        .from(contextTypes)
        .where(and(eq(contextTypes.tenant, tenant), eq(contextTypes.name, name)))
        .orderBy(desc(contextTypes.versionOrder));
      return rows.map(typeOf);
    },
    async types(tenant, filter, page) {
      const rows = await db
        .select()
        .from(contextTypes)
        .where(
          and(
            inArray(contextTypes.tenant, [BUILT_IN, tenant]),
            matching(contextTypes, filter),
            afterVersion(contextTypes, page.after),
          ),
        )
        .orderBy(...byVersion(contextTypes), asc(contextTypes.tenant))
        .limit(rowsFor(page));
      return pageOf(rows, page, {
        item: (row) => withoutSchema(typeOf(row)),
        place: (row) => [row.name, row.versionOrder],
      });
    },
  };
}

/** Writes context types. */
export function writeTypes(
  db: Database,
  ledger: Ledger,
): Pick<Transaction, 'putType' | 'deleteType'> {
  const id = (tenant: string, name: string, version: string) =>
    entryId('type', tenant, name, version);
  return {
    async putType(type) {
      const row = rowOf(type);
      await db
        .insert(contextTypes)
        .values(row)
        .onConflictDoUpdate({
          target: [contextTypes.tenant, contextTypes.name, contextTypes.version],
          set: row,
        });
      await ledger.publish(id(row.tenant, row.name, row.version), {
        case: 'type',
        value: type,
      });
    },
    async deleteType(tenant, name, version) {
      await db.delete(contextTypes).where(is(tenant, name, version));
      await ledger.publish(id(tenant, name, version));
    },
  };
}

function is(tenant: string, name: string, version: string) {
  return and(
    eq(contextTypes.tenant, tenant),
    eq(contextTypes.name, name),
    eq(contextTypes.version, version),
  );
}

function typeOf(row: Row): ContextType {
  const manifest = fromJson(ContextTypeManifestSchema, row.manifest as JsonObject);
  if (row.schema !== null) manifest.schema = row.schema as JsonObject;
  return create(ContextTypeSchema, {
    tenant: row.tenant,
    manifest,
    manifestHash: row.manifestHash,
    createTime: timestampFromDate(row.createTime),
  });
}

/** A type as lists show it. */
function withoutSchema(type: ContextType): ContextType {
  if (!type.manifest?.schema) return type;
  const { schema: _, ...manifest } = type.manifest;
  return { ...type, manifest };
}

function rowOf(type: ContextType): typeof contextTypes.$inferInsert {
  const manifest = type.manifest ?? create(ContextTypeManifestSchema);
  const { schema, ...rest } = toJson(ContextTypeManifestSchema, manifest) as Record<
    string,
    JsonValue
  >;
  return {
    tenant: type.tenant,
    name: manifest.name,
    version: manifest.version,
    versionOrder: versionOrder(manifest.version),
    manifest: rest,
    // A null column would be left out of an update, and drizzle writes null as JSON null.
    schema: schema ?? sql`null`,
    manifestHash: type.manifestHash,
    words: wordsOf(manifest),
    createTime: dateOf(type.createTime),
  };
}
