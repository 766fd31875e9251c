import { randomUUID } from 'node:crypto';
import { create, type JsonObject, type MessageInitShape } from '@bufbuild/protobuf';
import type { Caller } from '@weir/kit';
import { Action, Effect, type PolicyManifestSchema } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import {
  type CertificateIdentitySchema,
  type ConsumerManifestSchema,
  type EndpointHealth,
  type IssuerSchema,
  type ProviderManifestSchema,
  Scope,
} from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { type SnapshotEntry, SnapshotEntrySchema } from '@weir/sdk/gen/weir/registry/v1/watch_pb';

/** A policy by which every principal of its tenant may do everything. */
export const everything: MessageInitShape<typeof PolicyManifestSchema> = {
  name: 'everything',
  rules: [{ name: 'everything', effect: Effect.ALLOW, actions: [Action.ANY] }],
};

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
    principal: (name: string, attributes: JsonObject = {}) =>
      entry(`principal/${tenant}/${name}`, {
        case: 'principal',
        value: { tenant, name, attributes },
      }),
    key: (id: string, principal: string) =>
      entry(`key/${tenant}/${id}`, { case: 'key', value: { key: { id, tenant, principal } } }),
    issuer: (value: MessageInitShape<typeof IssuerSchema>) =>
      entry(`issuer/${tenant}/${value.name}`, { case: 'issuer', value: { tenant, ...value } }),
    certificate: (value: MessageInitShape<typeof CertificateIdentitySchema>) =>
      entry(`certificate/${tenant}/${value.name}`, {
        case: 'certificate',
        value: { tenant, ...value },
      }),
    policy: (manifest: MessageInitShape<typeof PolicyManifestSchema>, owner = tenant) =>
      entry(`policy/${owner}/${manifest.name}`, {
        case: 'policy',
        value: { tenant: owner, manifest, version: 1, manifestHash: randomUUID() },
      }),
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
    authentication: 'key',
    permits: [],
    network: '127.0.0.1',
    scopes: new Set([Scope.READ]),
    attributes: {},
    ...more,
  };
}
