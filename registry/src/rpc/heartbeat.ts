import { durationFromMs } from '@bufbuild/protobuf/wkt';
import type { MethodImpl } from '@connectrpc/connect';
import type { RegistryService } from '@weir/sdk/gen/weir/registry/v1/registry_pb';
import { EndpointHealth } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { registrarOf } from '../access.ts';
import type { Core } from '../core.ts';
import { withHealth } from '../endpoints.ts';
import { isId } from '../fields.ts';
import { malformed } from '../refusals.ts';

const IDS_MAX = 256;

/** Renews leases; an endpoint whose lease had run out is up again. */
export function heartbeat(core: Core): MethodImpl<typeof RegistryService.method.heartbeat> {
  return async ({ endpointIds }, context) => {
    const { tenant } = registrarOf(context);
    if (endpointIds.length < 1 || endpointIds.length > IDS_MAX) {
      throw malformed('endpoint_ids', `${endpointIds.length} ids; send 1 to ${IDS_MAX}`);
    }
    const ids = [...new Set(endpointIds)];

    const expireMs = core.clock.wallMs() + core.leaseMs;
    const renewed = await core.store.renewLeases(tenant, ids.filter(isId), expireMs);
    const down = renewed.filter((lease) => lease.down).map((lease) => lease.id);
    if (down.length > 0) await putUp(core, tenant, down);

    const known = new Set(renewed.map((lease) => lease.id));
    const unknownEndpointIds = ids.filter((id) => !known.has(id));
    const lease = durationFromMs(core.leaseMs);
    if (unknownEndpointIds.length === 0) return { lease };
    const { epoch } = await core.store.position();
    return { lease, unknownEndpointIds, epoch };
  };
}

async function putUp(core: Core, tenant: string, ids: readonly string[]): Promise<void> {
  await core.store.transact(async (tx) => {
    for (const id of ids) {
      const held = await tx.endpoint(tenant, id);
      if (held?.endpoint?.health !== EndpointHealth.DOWN) continue;
      await tx.putEndpoint(withHealth(held, EndpointHealth.UP, core.clock.wallMs()));
    }
  });
}
