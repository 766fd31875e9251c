import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  EndpointHealth,
  EndpointKind,
  type EndpointSpec,
  type Provider,
} from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import {
  type SnapshotEndpoint,
  SnapshotEndpointSchema,
} from '@weir/sdk/gen/weir/registry/v1/watch_pb';
import type { Core } from './core.ts';
import type { ProviderKey, Transaction } from './store/store.ts';

const WEIGHT_DEFAULT = 100;

/** A new endpoint of a provider version. */
export function newEndpoint(
  core: Core,
  key: ProviderKey,
  spec: EndpointSpec,
  state: { kind: EndpointKind; health: EndpointHealth },
): SnapshotEndpoint {
  return create(SnapshotEndpointSchema, {
    tenant: key.tenant,
    provider: key.name,
    version: key.version,
    endpoint: {
      id: core.newId(),
      url: spec.url,
      weight: spec.weight ?? WEIGHT_DEFAULT,
      healthTime: timestampFromMs(core.clock.wallMs()),
      ...state,
    },
  });
}

/** The same endpoint with another health, since now. */
export function withHealth(
  endpoint: SnapshotEndpoint,
  health: EndpointHealth,
  nowMs: number,
): SnapshotEndpoint {
  if (!endpoint.endpoint) return endpoint;
  const healthTime = timestampFromMs(nowMs);
  return { ...endpoint, endpoint: { ...endpoint.endpoint, health, healthTime } };
}

/** The same endpoint with the weight of a specification. */
export function withWeight(endpoint: SnapshotEndpoint, spec: EndpointSpec): SnapshotEndpoint {
  if (!endpoint.endpoint) return endpoint;
  return {
    ...endpoint,
    endpoint: { ...endpoint.endpoint, weight: spec.weight ?? WEIGHT_DEFAULT },
  };
}

/** Brings the static endpoints of a provider version in line with its manifest. */
export async function placeStaticEndpoints(
  core: Core,
  tx: Transaction,
  provider: Provider,
): Promise<void> {
  const { tenant, manifest } = provider;
  if (!manifest) return;
  const key = { tenant, name: manifest.name, version: manifest.version };
  const held = (await tx.endpointsOf(tenant, key.name)).filter(
    (one) => one.version === key.version && one.endpoint?.kind === EndpointKind.STATIC,
  );
  for (const spec of manifest.endpoints) {
    const same = held.find((one) => one.endpoint?.url === spec.url);
    const state = { kind: EndpointKind.STATIC, health: EndpointHealth.UNSPECIFIED };
    const wanted = same ? withWeight(same, spec) : newEndpoint(core, key, spec, state);
    if (same?.endpoint?.weight !== wanted.endpoint?.weight) await tx.putEndpoint(wanted);
  }
  const urls = new Set(manifest.endpoints.map((spec) => spec.url));
  for (const { endpoint } of held) {
    if (endpoint && !urls.has(endpoint.url)) await tx.deleteEndpoint(tenant, endpoint.id);
  }
}
