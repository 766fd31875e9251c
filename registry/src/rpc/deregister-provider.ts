import type { MethodImpl } from '@connectrpc/connect';
import { parseName, parseVersion } from '@weir/kit';
import type { RegistryService } from '@weir/sdk/gen/weir/registry/v1/registry_pb';
import { registrarOf } from '../access.ts';
import { type Core, tokenOf } from '../core.ts';
import { notFound } from '../refusals.ts';

/** Removes one or all versions of a provider, with their endpoints. */
export function deregisterProvider(
  core: Core,
): MethodImpl<typeof RegistryService.method.deregisterProvider> {
  return async ({ name, version }, context) => {
    const { tenant } = registrarOf(context);
    parseName('name', name);
    if (version !== '') parseVersion('version', version);

    const written = await core.store.transact(async (tx) => {
      const held = await tx.providerVersions(tenant, name);
      const versions = held
        .map((one) => one.manifest?.version ?? '')
        .filter((one) => version === '' || one === version);
      if (held.length === 0) throw notFound('provider', name);
      if (versions.length === 0) throw notFound(`provider ${name} of version`, version);
      for (const one of versions) await tx.deleteProvider({ tenant, name, version: one });
      return versions;
    });

    return { versions: written.value, consistencyToken: tokenOf(core, written) };
  };
}
