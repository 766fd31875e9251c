import { create, type JsonObject, type MessageInitShape } from '@bufbuild/protobuf';
import type { Caller } from '@weir/kit';
import {
  type ConsumerManifestSchema,
  type EndpointHealth,
  type ProviderManifestSchema,
  Scope,
} from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { type SnapshotEntry, SnapshotEntrySchema } from '@weir/sdk/gen/weir/registry/v1/watch_pb';

/** Makes the entries of a snapshot for tests; revisions count up from 1. */
export function createEntries(tenant = 'acme') {
  let revision = 0n;
  const entry = (
    id: string,
    body: MessageInitShape<typeof SnapshotEntrySchema>['body'],
  ): SnapshotEntry =>
    create(SnapshotEntrySchema, { id, revision: ++revision, ...(body ? { body } : {}) });

  return {
    type: (name: string, version = '1.0.0', owner = '', schema?: JsonObject) =>
      entry(`type/${owner}/${name}/${version}`, {
        case: 'type',
        value: { tenant: owner, manifest: { name, version, ...(schema && { schema }) } },
      }),
    provider: (manifest: MessageInitShape<typeof ProviderManifestSchema>, owner = tenant) =>
      entry(`provider/${owner}/${manifest.name}/${manifest.version}`, {
        case: 'provider',
        value: { tenant: owner, manifest, manifestHash: `hash of ${manifest.name} ${revision}` },
      }),
    endpoint: (
      of: { provider: string; version: string; url: string; weight?: number },
      health: EndpointHealth,
      owner = tenant,
    ) =>
      entry(`endpoint/${owner}/${of.url}`, {
        case: 'endpoint',
        value: {
          tenant: owner,
          provider: of.provider,
          version: of.version,
          endpoint: { id: of.url, url: of.url, weight: of.weight ?? 100, health },
        },
      }),
    principal: (name: string) =>
      entry(`principal/${tenant}/${name}`, { case: 'principal', value: { tenant, name } }),
    key: (id: string, principal: string) =>
      entry(`key/${tenant}/${id}`, { case: 'key', value: { key: { id, tenant, principal } } }),
    consumer: (manifest: MessageInitShape<typeof ConsumerManifestSchema>) =>
      entry(`consumer/${tenant}/${manifest.name}`, {
        case: 'consumer',
        value: { tenant, manifest },
      }),
    grant: (owner: string, provider: string, consumingTenant: string) =>
      entry(`grant/${owner}/${provider}/${consumingTenant}`, {
        case: 'grant',
        value: { tenant: owner, provider, consumingTenant },
      }),
    removed: (id: string) => entry(id, undefined),
  };
}

/** A caller that may read. */
export function testCaller(
  more: { tenant?: string; principal?: string; attributes?: JsonObject } = {},
): Caller {
  return {
    tenant: 'acme',
    principal: 'lin',
    consumer: '',
    keyId: 'k1',
    scopes: new Set([Scope.READ]),
    attributes: {},
    ...more,
  };
}
