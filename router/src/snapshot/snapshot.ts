import type { JsonObject } from '@bufbuild/protobuf';
import { indexPolicies, type PolicyIndex } from '@weir/policy';
import type { Policy } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import type {
  Consumer,
  Endpoint,
  Principal,
  Tenant,
} from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import type { ToolGroup } from '@weir/sdk/gen/weir/registry/v1/tool_group_pb';
import type { Grant, SnapshotEntry, SnapshotKey } from '@weir/sdk/gen/weir/registry/v1/watch_pb';
import semver from 'semver';
import {
  type Catalogue,
  compileCatalogue,
  type RegisteredProvider,
  type SchemaSource,
} from './catalogue.ts';
import { type Credentials, indexCredentials, noCredentials } from './credentials.ts';
import { entryDigest } from './digest.ts';

/** What a router knows of one tenant. Never changed: a change makes a new one. */
export interface TenantView {
  readonly tenant: Tenant | undefined;
  /** The tenant's policies, ready to decide. */
  readonly policy: PolicyIndex;
  readonly catalogue: Catalogue;
  /** The versions of each of the tenant's own types, newest first. */
  readonly types: ReadonlyMap<string, readonly string[]>;
  readonly consumers: ReadonlyMap<string, Consumer>;
  readonly principals: ReadonlyMap<string, Principal>;
  readonly keys: ReadonlyMap<string, SnapshotKey>;
  readonly toolGroups: ReadonlyMap<string, ToolGroup>;
}

/** The registry's state at a revision. Never changed: deltas make a new one. */
export interface Snapshot {
  readonly epoch: string;
  readonly revision: bigint;
  readonly digest: bigint;
  /** Entries by tenant ('' holds the built-in types), then by id. */
  readonly entries: ReadonlyMap<string, ReadonlyMap<string, SnapshotEntry>>;
  readonly tenants: ReadonlyMap<string, TenantView>;
  /** Which tenant a key belongs to. */
  readonly keyTenants: ReadonlyMap<string, string>;
  /** The grants that each tenant was given. */
  readonly grants: ReadonlyMap<string, readonly Grant[]>;
  /** Whose tokens and certificates are believed. */
  readonly credentials: Credentials;
}

/** A snapshot that holds nothing, of no epoch. */
export const emptySnapshot: Snapshot = {
  epoch: '',
  revision: 0n,
  digest: 0n,
  entries: new Map(),
  tenants: new Map(),
  keyTenants: new Map(),
  grants: new Map(),
  credentials: noCredentials,
};

/** Applies changed entries; those without a body are removed. Applying twice changes nothing. */
export function applyEntries(
  snapshot: Snapshot,
  changes: readonly SnapshotEntry[],
  at: { epoch: string; revision: bigint },
): Snapshot {
  let digest = snapshot.digest;
  const entries = new Map(snapshot.entries);
  const touched = new Map<string, Set<string>>();
  for (const change of changes) {
    const { kind, tenant } = parseEntryId(change.id);
    const kinds = touched.get(tenant) ?? new Set();
    if (kinds.size === 0) entries.set(tenant, new Map(entries.get(tenant)));
    touched.set(tenant, kinds.add(kind));
    const own = entries.get(tenant) as Map<string, SnapshotEntry>;
    const before = own.get(change.id);
    if (before) digest ^= entryDigest(before.id, before.revision);
    if (change.body.case === undefined) own.delete(change.id);
    else {
      own.set(change.id, change);
      digest ^= entryDigest(change.id, change.revision);
    }
  }
  const keyTenants = touches(touched, 'key') ? indexKeys(entries) : snapshot.keyTenants;
  const grants = touches(touched, 'grant') ? grantsByConsumer(entries) : snapshot.grants;
  const credentials =
    touches(touched, 'issuer') || touches(touched, 'certificate')
      ? indexCredentials(entries)
      : snapshot.credentials;
  const indexed = { ...at, digest, entries, keyTenants, grants, credentials };
  return { ...indexed, tenants: compileTenants(snapshot, indexed, touched) };
}

const NAMES_SHOWN = 20;

/** The newest-first versions of a type as a tenant sees it: its own or the built-in. */
export function typeVersions(
  snapshot: Snapshot,
  tenant: string,
  type: string,
): readonly string[] | undefined {
  return snapshot.tenants.get('')?.types.get(type) ?? snapshot.tenants.get(tenant)?.types.get(type);
}

/** The names of the types that a caller of a tenant may know of, for people. */
export function typeNames(
  snapshot: Snapshot,
  tenant: string,
  mayKnow: (type: string) => boolean,
): string {
  const builtIn = snapshot.tenants.get('')?.types.keys() ?? [];
  const own = snapshot.tenants.get(tenant)?.types.keys() ?? [];
  const names = [...new Set([...builtIn, ...own])].filter(mayKnow).sort();
  const more = names.length > NAMES_SHOWN ? `, and ${names.length - NAMES_SHOWN} more` : '';
  return `${names.slice(0, NAMES_SHOWN).join(', ')}${more}`;
}

/** The key with an id, with the tenant that it belongs to. */
export function findKey(snapshot: Snapshot, id: string): SnapshotKey | undefined {
  const tenant = snapshot.keyTenants.get(id);
  return tenant === undefined ? undefined : snapshot.tenants.get(tenant)?.keys.get(id);
}

/** Whether a provider version is still registered. */
export function knows(
  snapshot: Snapshot,
  { tenant, name, version }: { tenant: string; name: string; version: string },
): boolean {
  return snapshot.entries.get(tenant)?.has(`provider/${tenant}/${name}/${version}`) ?? false;
}

function parseEntryId(id: string): { kind: string; tenant: string } {
  const [kind, tenant] = id.split('/', 2);
  return { kind: kind ?? '', tenant: tenant ?? '' };
}

function touches(touched: ReadonlyMap<string, ReadonlySet<string>>, kind: string): boolean {
  return [...touched.values()].some((kinds) => kinds.has(kind));
}

function indexKeys(entries: Snapshot['entries']): Map<string, string> {
  const index = new Map<string, string>();
  for (const [tenant, own] of entries) {
    for (const entry of own.values()) {
      if (entry.body.case === 'key' && entry.body.value.key)
        index.set(entry.body.value.key.id, tenant);
    }
  }
  return index;
}

const catalogueKinds = ['type', 'provider', 'endpoint', 'grant'];

function compileTenants(
  before: Snapshot,
  { entries, grants }: Pick<Snapshot, 'entries' | 'grants'>,
  touched: ReadonlyMap<string, ReadonlySet<string>>,
): Map<string, TenantView> {
  const tenants = new Map(before.tenants);
  const recompile = new Set<string>();
  for (const [tenant, kinds] of touched) {
    const own = entries.get(tenant) ?? new Map();
    if (own.size === 0) tenants.delete(tenant);
    else tenants.set(tenant, compileTenant(own, tenants.get(tenant), kinds));
    if (catalogueKinds.some((kind) => kinds.has(kind))) {
      recompile.add(tenant);
      // The built-in types are everybody's.
      if (tenant === '') for (const each of tenants.keys()) recompile.add(each);
      for (const index of [grants, before.grants]) {
        for (const [consumer, given] of index) {
          if (given.some((grant) => grant.tenant === tenant)) recompile.add(consumer);
        }
      }
    }
  }
  for (const tenant of recompile) {
    const view = tenants.get(tenant);
    if (!view) continue;
    const providers = usableProviders(entries, tenant, grants.get(tenant) ?? []);
    const catalogue = compileCatalogue(providers, schemasIn(entries));
    tenants.set(tenant, { ...view, catalogue });
  }
  return tenants;
}

/** The JSON Schema of a type version as a tenant sees it; undefined: there is no such version. */
export function schemaOf(
  { entries }: Snapshot,
  of: { readonly tenant: string; readonly type: string; readonly version: string },
): JsonObject | undefined {
  return schemasIn(entries)(of.tenant, of.type, of.version);
}

/** Built-in types are found before the tenant's own, as they cannot be shadowed. */
function schemasIn(entries: Snapshot['entries']): SchemaSource {
  return (tenant, type, version) => {
    for (const owner of ['', tenant]) {
      const body = entries.get(owner)?.get(`type/${owner}/${type}/${version}`)?.body;
      if (body?.case === 'type') return body.value.manifest?.schema;
    }
    return undefined;
  };
}

function compileTenant(
  own: ReadonlyMap<string, SnapshotEntry>,
  before: TenantView | undefined,
  kinds: ReadonlySet<string>,
): TenantView {
  const keep = <T>(kind: string, value: T | undefined, compile: () => T): T =>
    value === undefined || kinds.has(kind) ? compile() : value;
  return {
    catalogue: before?.catalogue ?? { offers: new Map(), tools: new Map(), telling: [] },
    tenant: keep('tenant', before?.tenant, () => tenantIn(own)),
    policy: keep('policy', before?.policy, () => indexPolicies(policiesIn(own), before?.policy)),
    types: keep('type', before?.types, () => compileTypes(own)),
    consumers: keep('consumer', before?.consumers, () => {
      return collect(own, (e) =>
        e.body.case === 'consumer' ? [e.body.value.manifest?.name, e.body.value] : undefined,
      );
    }),
    principals: keep('principal', before?.principals, () => {
      return collect(own, (e) =>
        e.body.case === 'principal' ? [e.body.value.name, e.body.value] : undefined,
      );
    }),
    keys: keep('key', before?.keys, () => {
      return collect(own, (e) =>
        e.body.case === 'key' ? [e.body.value.key?.id, e.body.value] : undefined,
      );
    }),
    toolGroups: keep('toolgroup', before?.toolGroups, () => {
      return collect(own, (e) =>
        e.body.case === 'toolGroup' ? [e.body.value.name, e.body.value] : undefined,
      );
    }),
  };
}

function tenantIn(own: ReadonlyMap<string, SnapshotEntry>): Tenant | undefined {
  for (const { body } of own.values()) if (body.case === 'tenant') return body.value;
  return undefined;
}

function* policiesIn(own: ReadonlyMap<string, SnapshotEntry>): Generator<Policy> {
  for (const { body } of own.values()) if (body.case === 'policy') yield body.value;
}

function collect<T>(
  own: ReadonlyMap<string, SnapshotEntry>,
  pick: (entry: SnapshotEntry) => [string | undefined, T] | undefined,
): Map<string, T> {
  const found = new Map<string, T>();
  for (const entry of own.values()) {
    const [name, value] = pick(entry) ?? [];
    if (name !== undefined && value !== undefined) found.set(name, value);
  }
  return found;
}

function compileTypes(own: ReadonlyMap<string, SnapshotEntry>): Map<string, string[]> {
  const types = new Map<string, string[]>();
  for (const entry of own.values()) {
    const manifest = entry.body.case === 'type' ? entry.body.value.manifest : undefined;
    if (manifest) types.set(manifest.name, [...(types.get(manifest.name) ?? []), manifest.version]);
  }
  for (const versions of types.values()) versions.sort(semver.rcompare);
  return types;
}

function grantsByConsumer(entries: Snapshot['entries']): Map<string, Grant[]> {
  const index = new Map<string, Grant[]>();
  for (const own of entries.values()) {
    for (const entry of own.values()) {
      if (entry.body.case !== 'grant') continue;
      const grant = entry.body.value;
      index.set(grant.consumingTenant, [...(index.get(grant.consumingTenant) ?? []), grant]);
    }
  }
  return index;
}

function* usableProviders(
  entries: Snapshot['entries'],
  tenant: string,
  grants: readonly Grant[],
): Generator<RegisteredProvider> {
  yield* providersOf(entries, tenant);
  for (const grant of grants) {
    for (const given of providersOf(entries, grant.tenant)) {
      if (given.provider.manifest?.name === grant.provider) yield given;
    }
  }
}

function* providersOf(entries: Snapshot['entries'], tenant: string): Generator<RegisteredProvider> {
  const own = entries.get(tenant) ?? new Map<string, SnapshotEntry>();
  const endpoints = new Map<string, Endpoint[]>();
  for (const { body } of own.values()) {
    if (body.case !== 'endpoint' || !body.value.endpoint) continue;
    const of = `${body.value.provider}/${body.value.version}`;
    endpoints.set(of, [...(endpoints.get(of) ?? []), body.value.endpoint]);
  }
  for (const { body } of own.values()) {
    if (body.case !== 'provider') continue;
    const { name, version } = body.value.manifest ?? {};
    yield { provider: body.value, endpoints: endpoints.get(`${name}/${version}`) ?? [] };
  }
}
