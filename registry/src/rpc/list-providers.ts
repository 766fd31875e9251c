import type { MethodImpl } from '@connectrpc/connect';
import type { RegistryService } from '@weir/sdk/gen/weir/registry/v1/registry_pb';
import { readerOf } from '../access.ts';
import type { Core } from '../core.ts';
import { parseFilter } from '../fields.ts';
import { parsePage } from '../pages.ts';
import { presentProvider } from '../present.ts';

/** Lists and searches providers. */
export function listProviders(core: Core): MethodImpl<typeof RegistryService.method.listProviders> {
  return async (request, context) => {
    const caller = readerOf(context);
    const filter = parseFilter(request.filter);
    const page = parsePage(request, ['providers', caller.tenant, filter]);

    const found = await core.store.providers(caller.tenant, filter, page);
    const names = [...new Set(found.items.map((one) => one.manifest?.name ?? ''))];
    const endpoints = await core.store.endpointsOf(caller.tenant, ...names);

    return {
      providers: found.items.map((one) =>
        presentProvider(
          one,
          endpoints.filter((endpoint) => endpoint.provider === one.manifest?.name),
          caller,
        ),
      ),
      nextPageToken: page.tokenAfter(found),
    };
  };
}
