import type { MethodImpl } from '@connectrpc/connect';
import { refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { RegistryService } from '@weir/sdk/gen/weir/registry/v1/registry_pb';
import { EndpointHealth, EndpointKind } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { registrarOf } from '../access.ts';
import { type Core, tokenOf } from '../core.ts';
import { withHealth } from '../endpoints.ts';
import { isId } from '../fields.ts';
import { notFound } from '../refusals.ts';

/** Removes an address, or marks it as draining. */
export function deregisterEndpoint(
  core: Core,
): MethodImpl<typeof RegistryService.method.deregisterEndpoint> {
  return async ({ endpointId, drain }, context) => {
    const { tenant } = registrarOf(context);
    if (!isId(endpointId)) throw notFound('endpoint', endpointId);

    const written = await core.store.transact(async (tx) => {
      const held = await tx.endpoint(tenant, endpointId);
      if (!held) throw notFound('endpoint', endpointId);
      if (held.endpoint?.kind === EndpointKind.STATIC) throw declared(held.provider);
      if (!drain) return await tx.deleteEndpoint(tenant, endpointId);
      if (held.endpoint?.health === EndpointHealth.DRAINING) return;
      await tx.putEndpoint(withHealth(held, EndpointHealth.DRAINING, core.clock.wallMs()));
    });

    return { consistencyToken: tokenOf(core, written) };
  };
}

function declared(provider: string) {
  return refuse(
    Reason.IN_USE,
    `the endpoint is declared in the manifest of provider ${provider}; take it out there with UpdateProvider`,
  );
}
