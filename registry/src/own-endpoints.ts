import { EndpointKind } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import type { SnapshotEndpoint } from '@weir/sdk/gen/weir/registry/v1/watch_pb';
import { FIRST_TENANT } from './bootstrap.ts';
import type { Core } from './core.ts';

/**
 * Forgets where providers were that run in the process of the registry itself, and so ended with the
 * one before: until their leases ran out, routers would call addresses at which nobody is. The same
 * provider elsewhere stays, and one beside it on this machine comes back with its next heartbeat.
 */
export async function forgetOwnEndpoints(
  { store }: Pick<Core, 'store'>,
  providers: readonly string[],
): Promise<void> {
  if (!(await store.endpointsOf(FIRST_TENANT, ...providers)).some(isOwn)) return;
  await store.transact(async (tx) => {
    const own = (await tx.endpointsOf(FIRST_TENANT, ...providers)).filter(isOwn);
    for (const { endpoint } of own) await tx.deleteEndpoint(FIRST_TENANT, endpoint?.id ?? '');
  });
}

function isOwn({ endpoint }: SnapshotEndpoint): boolean {
  if (endpoint?.kind !== EndpointKind.LEASED) return false;
  return URL.parse(endpoint.url)?.hostname === '127.0.0.1';
}
