import type { Caller } from '@weir/kit';
import type { Endpoint, Provider } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import type { SnapshotEndpoint } from '@weir/sdk/gen/weir/registry/v1/watch_pb';
import { mayRegister } from './access.ts';

/** A provider with its endpoints, as a caller may see it: addresses and whose they are only who may register. */
export function presentProvider(
  provider: Provider,
  endpoints: readonly SnapshotEndpoint[],
  caller: Caller,
): Provider {
  const { manifest } = provider;
  const own = endpoints
    .filter(({ version }) => version === manifest?.version)
    .flatMap(({ endpoint }) => (endpoint ? [endpoint] : []));
  if (mayRegister(caller) || !manifest) return { ...provider, endpoints: own };
  const hidden = manifest.endpoints.map((endpoint) => ({ ...endpoint, url: '' }));
  return {
    ...provider,
    manifest: { ...manifest, endpoints: hidden },
    endpoints: own.map((endpoint: Endpoint) => ({ ...endpoint, url: '', registrar: '' })),
  };
}
