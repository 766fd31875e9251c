import type {
  EndpointHealth,
  EndpointKind,
  PrincipalKind,
  Scope,
} from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  check,
  customType,
  index,
  json,
  jsonb,
  pgTable,
  primaryKey,
  smallint,
  text,
  timestamp,
  uniqueIndex,
} from 'drizzle-orm/pg-core';

/** Text that sorts by bytes, so that pages and version order are the same on every database. */
const word = customType<{ data: string }>({ dataType: () => 'text COLLATE "C"' });

const bytes = customType<{ data: Uint8Array }>({ dataType: () => 'bytea' });

const time = (name: string) => timestamp(name, { withTimezone: true, precision: 3, mode: 'date' });

/** One row: the installation, its revision, and the digest of all snapshot entries at it. */
export const installation = pgTable(
  'installation',
  {
    id: smallint('id').primaryKey(),
    epoch: text('epoch').notNull(),
    /** The database that the epoch is of; empty where databases cannot be told apart. */
    database: text('database').notNull().default(''),
    /** In which form the snapshot entries are written; see ENTRY_FORM. */
    entryForm: smallint('entry_form').notNull().default(1),
    revision: bigint('revision', { mode: 'bigint' }).notNull(),
    digest: bigint('digest', { mode: 'bigint' }).notNull(),
  },
  (table) => [check('installation_is_one_row', sql`${table.id} = 1`)],
);

/** What routers hold: one encoded SnapshotEntry each. */
export const snapshotEntries = pgTable(
  'snapshot_entries',
  {
    id: word('id').primaryKey(),
    rank: smallint('rank').notNull(),
    revision: bigint('revision', { mode: 'bigint' }).notNull(),
    entry: bytes('entry').notNull(),
  },
  (table) => [index('snapshot_entries_by_rank').on(table.rank, table.id)],
);

/** What each revision changed: one encoded SnapshotDelta each. */
export const changes = pgTable(
  'changes',
  {
    revision: bigint('revision', { mode: 'bigint' }).primaryKey(),
    delta: bytes('delta').notNull(),
    createTime: time('create_time').notNull(),
  },
  (table) => [index('changes_by_time').on(table.createTime)],
);

/** Which of several registries does a duty at present. */
export const duties = pgTable('duties', {
  name: text('name').primaryKey(),
  holder: text('holder').notNull(),
  expireTime: time('expire_time').notNull(),
});

export const tenants = pgTable('tenants', {
  name: word('name').primaryKey(),
  title: text('title').notNull(),
  createTime: time('create_time').notNull(),
});

/** The tenant '' owns the built-in types. `schema` is json, not jsonb, to keep its order. */
export const contextTypes = pgTable(
  'context_types',
  {
    tenant: word('tenant').notNull(),
    name: word('name').notNull(),
    version: word('version').notNull(),
    versionOrder: word('version_order').notNull(),
    manifest: jsonb('manifest').notNull(),
    schema: json('schema'),
    manifestHash: text('manifest_hash').notNull(),
    words: text('words').notNull(),
    createTime: time('create_time').notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenant, table.name, table.version] })],
);

export const providers = pgTable(
  'providers',
  {
    tenant: word('tenant').notNull(),
    name: word('name').notNull(),
    version: word('version').notNull(),
    versionOrder: word('version_order').notNull(),
    manifest: jsonb('manifest').notNull(),
    manifestHash: text('manifest_hash').notNull(),
    etag: text('etag').notNull(),
    words: text('words').notNull(),
    createTime: time('create_time').notNull(),
    updateTime: time('update_time').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.tenant, table.name, table.version] }),
    index('providers_by_content').using('gin', table.manifest.op('jsonb_path_ops')),
  ],
);

/** `lease_expire_time` is null for the static ones. */
export const endpoints = pgTable(
  'endpoints',
  {
    tenant: word('tenant').notNull(),
    id: word('id').notNull(),
    provider: word('provider').notNull(),
    version: word('version').notNull(),
    url: text('url').notNull(),
    weight: smallint('weight').notNull(),
    kind: smallint('kind').$type<EndpointKind>().notNull(),
    health: smallint('health').$type<EndpointHealth>().notNull(),
    healthTime: time('health_time').notNull(),
    leaseExpireTime: time('lease_expire_time'),
  },
  (table) => [
    primaryKey({ columns: [table.tenant, table.id] }),
    uniqueIndex('endpoints_by_address').on(
      table.tenant,
      table.provider,
      table.version,
      table.kind,
      table.url,
    ),
    index('endpoints_by_lease').on(table.leaseExpireTime),
  ],
);

export const grants = pgTable(
  'grants',
  {
    tenant: word('tenant').notNull(),
    provider: word('provider').notNull(),
    consumingTenant: word('consuming_tenant').notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenant, table.provider, table.consumingTenant] })],
);

export const consumers = pgTable(
  'consumers',
  {
    tenant: word('tenant').notNull(),
    name: word('name').notNull(),
    manifest: jsonb('manifest').notNull(),
    etag: text('etag').notNull(),
    words: text('words').notNull(),
    createTime: time('create_time').notNull(),
    updateTime: time('update_time').notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenant, table.name] })],
);

export const principals = pgTable(
  'principals',
  {
    tenant: word('tenant').notNull(),
    name: word('name').notNull(),
    kind: smallint('kind').$type<PrincipalKind>().notNull(),
    title: text('title').notNull(),
    attributes: json('attributes'),
    disabled: boolean('disabled').notNull(),
    etag: text('etag').notNull(),
    createTime: time('create_time').notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenant, table.name] })],
);

/** Only a hash of a key's secret part is kept. */
export const apiKeys = pgTable(
  'api_keys',
  {
    tenant: word('tenant').notNull(),
    id: word('id').notNull(),
    principal: word('principal').notNull(),
    consumer: word('consumer').notNull(),
    scopes: jsonb('scopes').$type<Scope[]>().notNull(),
    title: text('title').notNull(),
    secretHash: bytes('secret_hash').notNull(),
    expireTime: time('expire_time'),
    revokeTime: time('revoke_time'),
    createTime: time('create_time').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.tenant, table.id] }),
    uniqueIndex('api_keys_by_id').on(table.id),
    index('api_keys_by_principal').on(table.tenant, table.principal),
    index('api_keys_by_age').on(table.tenant, table.createTime, table.id),
  ],
);
