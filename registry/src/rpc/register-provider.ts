import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { MethodImpl } from '@connectrpc/connect';
import { refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { RegistryService } from '@weir/sdk/gen/weir/registry/v1/registry_pb';
import { type Provider, ProviderSchema } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { registrarOf } from '../access.ts';
import { requireCallable } from '../addresses.ts';
import { checkFor } from '../checks/checks.ts';
import { type Core, tokenOf } from '../core.ts';
import { adoptStaticEndpoints, placeStaticEndpoints } from '../endpoints.ts';
import { etagOf } from '../etag.ts';
import { providerKind } from '../manifest/kinds.ts';
import { offerFaults } from '../offers.ts';
import { presentProvider } from '../present.ts';

/** Registers a provider version; the same content again changes nothing. */
export function registerProvider(
  core: Core,
): MethodImpl<typeof RegistryService.method.registerProvider> {
  return async (request, context) => {
    const caller = registrarOf(context);
    const read = await core.checks.read(providerKind, request.source, checkFor(context));
    requireCallable(core.outbound, read);
    const { name, version } = read.manifest;

    const written = await core.store.transact(async (tx) => {
      const held = await tx.provider({ tenant: caller.tenant, name, version });
      if (held && held.manifestHash !== read.hash) throw otherContent(held);
      const faults = held ? [] : await offerFaults(tx, caller.tenant, read.manifest);
      if (faults.length > 0) throw read.refuse(faults);
      const provider = held ?? newProvider(core, caller.tenant, read);
      if (held) await adoptStaticEndpoints(tx, provider, caller.principal);
      else {
        await tx.putProvider(provider);
        await placeStaticEndpoints(core, tx, provider, caller.principal);
      }
      return { provider, endpoints: await tx.endpointsOf(caller.tenant, name) };
    });

    const { provider, endpoints } = written.value;
    return {
      provider: presentProvider(provider, endpoints, caller),
      consistencyToken: tokenOf(core, written),
    };
  };
}

function newProvider(
  core: Core,
  tenant: string,
  read: { manifest: Provider['manifest']; hash: string },
): Provider {
  const now = timestampFromMs(core.clock.wallMs());
  return create(ProviderSchema, {
    tenant,
    ...(read.manifest ? { manifest: read.manifest } : {}),
    manifestHash: read.hash,
    etag: etagOf(read.hash),
    createTime: now,
    updateTime: now,
  });
}

function otherContent(held: Provider) {
  const { name = '', version = '' } = held.manifest ?? {};
  return refuse(
    Reason.ALREADY_EXISTS,
    `provider ${name} ${version} is registered with other content; register it under a new version, or change it with UpdateProvider and its etag`,
  );
}
