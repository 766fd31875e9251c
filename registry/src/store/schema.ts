import type { DropReason } from '@weir/sdk/gen/weir/audit/v1/audit_pb';
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
  doublePrecision,
  index,
  integer,
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

/** One log of events for each tenant; who appends to it locks its row. */
export const eventLogs = pgTable('event_logs', {
  tenant: word('tenant').primaryKey(),
  /** The position of the last event. */
  head: bigint('head', { mode: 'bigint' }).notNull(),
  /** The position of the oldest event that is kept. */
  first: bigint('first', { mode: 'bigint' }).notNull(),
  /** What is kept, in bytes. */
  size: bigint('size', { mode: 'number' }).notNull(),
});

/** What was published: one encoded StoredEvent each. */
export const events = pgTable(
  'events',
  {
    tenant: word('tenant').notNull(),
    position: bigint('position', { mode: 'bigint' }).notNull(),
    event: bytes('event').notNull(),
    size: integer('size').notNull(),
    createTime: time('create_time').notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenant, table.position] })],
);

/** Which requests to publish were answered, for when they come again. */
export const eventPublications = pgTable(
  'event_publications',
  {
    tenant: word('tenant').notNull(),
    publisher: word('publisher').notNull(),
    key: word('key').notNull(),
    fingerprint: bytes('fingerprint').notNull(),
    position: bigint('position', { mode: 'bigint' }).notNull(),
    ids: jsonb('ids').$type<string[]>().notNull(),
    createTime: time('create_time').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.tenant, table.publisher, table.key] }),
    index('event_publications_by_time').on(table.createTime),
  ],
);

/** What routers keep of groups of workers: one encoded GroupState each. */
export const eventGroups = pgTable(
  'event_groups',
  {
    tenant: word('tenant').notNull(),
    name: word('name').notNull(),
    /** Raised by each write. */
    version: bigint('version', { mode: 'bigint' }).notNull(),
    state: bytes('state').notNull(),
    updateTime: time('update_time').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.tenant, table.name] }),
    index('event_groups_by_time').on(table.updateTime),
  ],
);

/** Which router watches a provider at present, and how far it was read. */
export const eventWatches = pgTable(
  'event_watches',
  {
    tenant: word('tenant').notNull(),
    provider: word('provider').notNull(),
    holder: word('holder').notNull(),
    /** No index: it changes every few seconds. */
    expireTime: time('expire_time').notNull(),
    /** Names what began without a cursor; empty: nothing has begun. */
    run: word('run').notNull().default(''),
    cursor: word('cursor').notNull().default(''),
    moveTime: time('move_time'),
  },
  (table) => [primaryKey({ columns: [table.tenant, table.provider] })],
);

/** An empty `etag` is that of a tenant founded before there were policies. */
export const tenants = pgTable('tenants', {
  name: word('name').primaryKey(),
  title: text('title').notNull(),
  limits: jsonb('limits'),
  auditRetentionMs: bigint('audit_retention_ms', { mode: 'number' }),
  etag: text('etag').notNull().default(''),
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
    /** Empty: registered before that was noted. */
    registrar: word('registrar').notNull().default(''),
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

/** Every version that is kept; of each policy the newest is in force. */
export const policies = pgTable(
  'policies',
  {
    tenant: word('tenant').notNull(),
    name: word('name').notNull(),
    version: integer('version').notNull(),
    /** json, not jsonb: a text may hold any character. */
    manifest: json('manifest').notNull(),
    title: text('title').notNull(),
    rules: integer('rules').notNull(),
    manifestHash: text('manifest_hash').notNull(),
    etag: text('etag').notNull(),
    author: text('author').notNull(),
    comment: text('comment').notNull(),
    createTime: time('create_time').notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenant, table.name, table.version] })],
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
    limits: jsonb('limits'),
    etag: text('etag').notNull(),
    createTime: time('create_time').notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenant, table.name] })],
);

/** Whose tokens are believed. */
export const issuers = pgTable(
  'issuers',
  {
    tenant: word('tenant').notNull(),
    name: word('name').notNull(),
    url: text('url').notNull(),
    audiences: jsonb('audiences').$type<string[]>().notNull(),
    principalClaim: text('principal_claim').notNull(),
    principalPrefix: text('principal_prefix').notNull(),
    attributeClaims: jsonb('attribute_claims').$type<Record<string, string>>().notNull(),
    scopes: jsonb('scopes').$type<Scope[]>().notNull(),
    algorithms: jsonb('algorithms').$type<string[]>().notNull(),
    consumer: word('consumer').notNull(),
    etag: text('etag').notNull(),
    createTime: time('create_time').notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenant, table.name] })],
);

/** A pair of issuer and audience tells the tenant of a token, so it belongs to one issuer. */
export const issuerAudiences = pgTable(
  'issuer_audiences',
  {
    url: word('url').notNull(),
    audience: word('audience').notNull(),
    tenant: word('tenant').notNull(),
    name: word('name').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.url, table.audience] }),
    index('issuer_audiences_by_issuer').on(table.tenant, table.name),
  ],
);

/** Which client certificates are believed; one of `spiffe_id` and `subject` is not null. */
export const certificates = pgTable(
  'certificates',
  {
    tenant: word('tenant').notNull(),
    name: word('name').notNull(),
    spiffeId: word('spiffe_id'),
    subject: word('subject'),
    principal: word('principal').notNull(),
    consumer: word('consumer').notNull(),
    scopes: jsonb('scopes').$type<Scope[]>().notNull(),
    permits: jsonb('permits').$type<string[]>().notNull(),
    createTime: time('create_time').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.tenant, table.name] }),
    uniqueIndex('certificates_by_spiffe_id').on(table.spiffeId),
    uniqueIndex('certificates_by_subject').on(table.subject),
    index('certificates_by_principal').on(table.tenant, table.principal),
  ],
);

/** Named sets of tools; the whole of each as the JSON form of its message. */
export const toolGroups = pgTable(
  'tool_groups',
  {
    tenant: word('tenant').notNull(),
    name: word('name').notNull(),
    group: jsonb('group').notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenant, table.name] })],
);

/** Calls of tools, newest looked at first; what is not looked for stands in the message. */
export const toolCalls = pgTable(
  'tool_calls',
  {
    tenant: word('tenant').notNull(),
    id: word('id').notNull(),
    time: time('time').notNull(),
    durationMs: doublePrecision('duration_ms').notNull(),
    group: word('tool_group').notNull(),
    tool: word('tool').notNull(),
    principal: word('principal').notNull(),
    code: integer('code').notNull(),
    cache: integer('cache').notNull(),
    failed: boolean('failed').notNull(),
    call: bytes('call').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.tenant, table.id] }),
    index('tool_calls_by_time').on(table.tenant, table.time, table.id),
    index('tool_calls_by_age').on(table.time),
  ],
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
    permits: jsonb('permits').$type<string[]>().notNull().default([]),
    requiresSignature: boolean('requires_signature').notNull().default(false),
    title: text('title').notNull(),
    group: word('tool_group').notNull().default(''),
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

/**
 * One chain of records for each start of a router. `length` and `head` are those of what is held;
 * entries before `pruned_length` are forgotten, and `pruned_head` is where they led.
 */
export const auditChains = pgTable('audit_chains', {
  id: word('id').primaryKey(),
  writer: text('writer').notNull(),
  publicKey: bytes('public_key').notNull(),
  createTime: time('create_time').notNull(),
  previousId: word('previous_id').notNull(),
  previousHead: bytes('previous_head').notNull(),
  previousLength: bigint('previous_length', { mode: 'number' }).notNull(),
  /** Over all of the above; its key is not in the database. */
  seal: bytes('seal').notNull(),
  length: bigint('length', { mode: 'number' }).notNull(),
  head: bytes('head').notNull(),
  lastTime: time('last_time').notNull(),
  prunedLength: bigint('pruned_length', { mode: 'number' }).notNull().default(0),
  prunedHead: bytes('pruned_head').notNull(),
  /** Over what was pruned, as `seal`; null: nothing was. */
  prunedSeal: bytes('pruned_seal'),
});

/** Heads of chains, each signed by its router. */
export const auditAnchors = pgTable(
  'audit_anchors',
  {
    chain: word('chain').notNull(),
    length: bigint('length', { mode: 'number' }).notNull(),
    head: bytes('head').notNull(),
    signature: bytes('signature').notNull(),
    anchorTime: time('anchor_time').notNull(),
  },
  (table) => [primaryKey({ columns: [table.chain, table.length] })],
);

/** The headers of entries that follow each other, of all tenants: what a chain is verified by. */
export const auditHeaders = pgTable(
  'audit_headers',
  {
    chain: word('chain').notNull(),
    first: bigint('first', { mode: 'number' }).notNull(),
    last: bigint('last', { mode: 'number' }).notNull(),
    /** The hash of the entry before the first one. */
    before: bytes('before').notNull(),
    toTime: time('to_time').notNull(),
    /** The bytes of the headers before they were compressed. */
    size: integer('size').notNull(),
    headers: bytes('headers').notNull(),
    /** Whether it is merged with no others any more. */
    settled: boolean('settled').notNull().default(false),
  },
  (table) => [
    primaryKey({ columns: [table.chain, table.first] }),
    index('audit_headers_unsettled').on(table.chain, table.first).where(sql`not ${table.settled}`),
  ],
);

/** Bodies of entries of one tenant in one chain; `filter` tells what is not among them. */
export const auditChunks = pgTable(
  'audit_chunks',
  {
    tenant: word('tenant').notNull(),
    chain: word('chain').notNull(),
    first: bigint('first', { mode: 'number' }).notNull(),
    last: bigint('last', { mode: 'number' }).notNull(),
    fromTime: time('from_time').notNull(),
    toTime: time('to_time').notNull(),
    /** The bytes of the bodies before they were compressed. */
    size: integer('size').notNull(),
    filter: bytes('filter').notNull(),
    bodies: bytes('bodies').notNull(),
    /** Whether it is merged with no others any more. */
    settled: boolean('settled').notNull().default(false),
  },
  (table) => [
    primaryKey({ columns: [table.tenant, table.chain, table.first] }),
    index('audit_chunks_by_end').on(table.tenant, table.toTime, table.fromTime),
    index('audit_chunks_by_beginning').on(table.tenant, table.fromTime, table.toTime),
    index('audit_chunks_by_chain').on(table.chain, table.first),
    index('audit_chunks_unsettled')
      .on(table.tenant, table.chain, table.first)
      .where(sql`not ${table.settled}`),
  ],
);

/** Which bodies the registry dropped, and why. */
export const auditDrops = pgTable(
  'audit_drops',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    tenant: word('tenant').notNull(),
    chain: word('chain').notNull(),
    first: bigint('first', { mode: 'number' }).notNull(),
    last: bigint('last', { mode: 'number' }).notNull(),
    /** The positions between them, as runs. */
    runs: bytes('runs').notNull(),
    reason: smallint('reason').$type<DropReason>().notNull(),
    dropTime: time('drop_time').notNull(),
    /** Over all of the above; its key is not in the database. */
    seal: bytes('seal').notNull(),
  },
  (table) => [index('audit_drops_by_chain').on(table.chain, table.first)],
);

/** Entries that are lost: neither here nor with the router that wrote them. */
export const auditGaps = pgTable(
  'audit_gaps',
  {
    chain: word('chain').notNull(),
    first: bigint('first', { mode: 'number' }).notNull(),
    /** The position after the last one. */
    end: bigint('end', { mode: 'number' }).notNull(),
    /** The hash of the last one. */
    head: bytes('head').notNull(),
    findTime: time('find_time').notNull(),
    /** Over all of the above; its key is not in the database. */
    seal: bytes('seal').notNull(),
  },
  (table) => [primaryKey({ columns: [table.chain, table.first] })],
);

/** What routers sent that contradicts what is held. */
export const auditFaults = pgTable(
  'audit_faults',
  {
    chain: word('chain').notNull(),
    position: bigint('position', { mode: 'number' }).notNull(),
    text: word('text').notNull(),
    findTime: time('find_time').notNull(),
  },
  (table) => [primaryKey({ columns: [table.chain, table.position, table.text] })],
);
