import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { MethodImpl } from '@connectrpc/connect';
import type { RegistryService } from '@weir/sdk/gen/weir/registry/v1/registry_pb';
import { registrarOf } from '../access.ts';
import { requireCallable } from '../addresses.ts';
import { checkFor } from '../checks/checks.ts';
import { type Core, tokenOf } from '../core.ts';
import { placeStaticEndpoints } from '../endpoints.ts';
import { etagOf } from '../etag.ts';
import { parseEtag } from '../fields.ts';
import { providerKind } from '../manifest/kinds.ts';
import { offerFaults } from '../offers.ts';
import { presentProvider } from '../present.ts';
import { etagStale, notFound } from '../refusals.ts';

/** Changes a provider version. */
export function updateProvider(
  core: Core,
): MethodImpl<typeof RegistryService.method.updateProvider> {
  return async (request, context) => {
    const caller = registrarOf(context);
    const read = await core.checks.read(providerKind, request.source, checkFor(context));
    requireCallable(core.outbound, read);
    const etag = parseEtag('etag', request.etag);
    const { manifest, hash } = read;
    const key = { tenant: caller.tenant, name: manifest.name, version: manifest.version };

    const written = await core.store.transact(async (tx) => {
      const held = await tx.provider(key);
      if (!held) throw notFound(`provider ${key.name} of version`, key.version);
      if (held.etag !== etag) throw etagStale(`provider ${key.name} ${key.version}`);
      const faults = await offerFaults(tx, caller.tenant, manifest);
      if (faults.length > 0) throw read.refuse(faults);
      const updateTime = timestampFromMs(core.clock.wallMs());
      const changed = { ...held, manifest, manifestHash: hash, etag: etagOf(hash), updateTime };
      const provider = held.manifestHash === hash ? held : changed;
      if (provider !== held) await tx.putProvider(provider);
      await placeStaticEndpoints(core, tx, provider, caller.principal);
      return { provider, endpoints: await tx.endpointsOf(key.tenant, key.name) };
    });

    const { provider, endpoints } = written.value;
    return {
      provider: presentProvider(provider, endpoints, caller),
      consistencyToken: tokenOf(core, written),
    };
  };
}
