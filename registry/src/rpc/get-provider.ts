import type { MethodImpl } from '@connectrpc/connect';
import { parseName } from '@weir/kit';
import type { RegistryService } from '@weir/sdk/gen/weir/registry/v1/registry_pb';
import { readerOf } from '../access.ts';
import type { Core } from '../core.ts';
import { presentProvider } from '../present.ts';
import { pickVersion } from '../versions.ts';

/** Gets one version of a provider. */
export function getProvider(core: Core): MethodImpl<typeof RegistryService.method.getProvider> {
  return async ({ name, version }, context) => {
    const caller = readerOf(context);
    parseName('name', name);
    const held = await core.store.providerVersions(caller.tenant, name);
    const provider = pickVersion(held, { what: 'provider', name, version });
    const endpoints = await core.store.endpointsOf(caller.tenant, name);
    return { provider: presentProvider(provider, endpoints, caller) };
  };
}
