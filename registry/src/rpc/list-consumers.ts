import type { MethodImpl } from '@connectrpc/connect';
import type { RegistryService } from '@weir/sdk/gen/weir/registry/v1/registry_pb';
import { readerOf } from '../access.ts';
import type { Core } from '../core.ts';
import { parseFilter } from '../fields.ts';
import { parsePage } from '../pages.ts';

/** Lists and searches consumers. */
export function listConsumers(core: Core): MethodImpl<typeof RegistryService.method.listConsumers> {
  return async (request, context) => {
    const { tenant } = readerOf(context);
    const filter = parseFilter(request.filter);
    const page = parsePage(request, ['consumers', tenant, filter]);
    const found = await core.store.consumers(tenant, filter, page);
    return { consumers: [...found.items], nextPageToken: page.tokenAfter(found) };
  };
}
