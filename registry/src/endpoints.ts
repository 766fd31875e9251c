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
  state: { kind: EndpointKind; health: EndpointHealth; registrar: string },
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

/** The same endpoint as a principal registers it again, with the weight of a specification. */
export function registeredAgain(
  endpoint: SnapshotEndpoint,
  spec: EndpointSpec,
  registrar: string,
): SnapshotEndpoint {
  if (!endpoint.endpoint) return endpoint;
  const weight = spec.weight ?? WEIGHT_DEFAULT;
  return { ...endpoint, endpoint: { ...endpoint.endpoint, weight, registrar } };
}

/** Whether an endpoint was registered with the same. */
export function isRegisteredSo(one: SnapshotEndpoint, other: SnapshotEndpoint): boolean {
  return (
    one.endpoint?.weight === other.endpoint?.weight &&
    one.endpoint?.registrar === other.endpoint?.registrar
  );
}

/** Brings the static endpoints of a provider version in line with its manifest, as a principal has it. */
export async function placeStaticEndpoints(
  core: Core,
  tx: Transaction,
  { tenant, manifest }: Provider,
  registrar: string,
): Promise<void> {
  if (!manifest) return;
  const key = { tenant, name: manifest.name, version: manifest.version };
  const held = await staticEndpointsOf(tx, key);
  for (const spec of manifest.endpoints) {
    const same = held.find((one) => one.endpoint?.url === spec.url);
    const state = { kind: EndpointKind.STATIC, health: EndpointHealth.UNSPECIFIED, registrar };
    const wanted = same
      ? registeredAgain(same, spec, registrar)
      : newEndpoint(core, key, spec, state);
    if (!same || !isRegisteredSo(same, wanted)) await tx.putEndpoint(wanted);
  }
  const urls = new Set(manifest.endpoints.map((spec) => spec.url));
  for (const { endpoint } of held) {
    if (endpoint && !urls.has(endpoint.url)) await tx.deleteEndpoint(tenant, endpoint.id);
  }
}

/** Gives the static endpoints of a provider version a registrar that is there, where theirs is not any more. */
export async function adoptStaticEndpoints(
  tx: Transaction,
  { tenant, manifest }: Provider,
  registrar: string,
): Promise<void> {
  if (!manifest) return;
  const key = { tenant, name: manifest.name, version: manifest.version };
  for (const one of await staticEndpointsOf(tx, key)) {
    if (!one.endpoint || one.endpoint.registrar === registrar) continue;
    const known = await tx.principal(tenant, one.endpoint.registrar);
    if (known && !known.disabled) continue;
    await tx.putEndpoint({ ...one, endpoint: { ...one.endpoint, registrar } });
  }
}

async function staticEndpointsOf(
  tx: Transaction,
  { tenant, name, version }: ProviderKey,
): Promise<readonly SnapshotEndpoint[]> {
  return (await tx.endpointsOf(tenant, name)).filter(
    (one) => one.version === version && one.endpoint?.kind === EndpointKind.STATIC,
  );
}
