import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { MethodImpl } from '@connectrpc/connect';
import { parseName } from '@weir/kit';
import type { RegistryService } from '@weir/sdk/gen/weir/registry/v1/registry_pb';
import { type Provider, WatchStateSchema } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { readerOf } from '../access.ts';
import type { Core } from '../core.ts';
import type { WatchDuties } from '../events/watches.ts';
import { presentProvider } from '../present.ts';
import { pickVersion } from '../versions.ts';

/** Gets one version of a provider. */
export function getProvider(
  core: Core,
  watches: WatchDuties,
): MethodImpl<typeof RegistryService.method.getProvider> {
  return async ({ name, version }, context) => {
    const caller = readerOf(context);
    parseName('name', name);
    const held = await core.store.providerVersions(caller.tenant, name);
    const provider = pickVersion(held, { what: 'provider', name, version });
    const endpoints = await core.store.endpointsOf(caller.tenant, name);
    const shown = presentProvider(provider, endpoints, caller);
    const watch = provider.manifest?.watch && (await watchOf(core, watches, provider));
    return { provider: watch ? { ...shown, watch } : shown };
  };
}

async function watchOf({ clock }: Core, watches: WatchDuties, { tenant, manifest }: Provider) {
  const name = { tenant, provider: manifest?.name ?? '' };
  const { holder, moveTime } = await watches.state(name, clock.wallMs());
  const moved = moveTime && { moveTime: timestampFromDate(moveTime) };
  return create(WatchStateSchema, { holder, ...moved });
}
