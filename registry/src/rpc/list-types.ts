import type { MethodImpl } from '@connectrpc/connect';
import type { RegistryService } from '@weir/sdk/gen/weir/registry/v1/registry_pb';
import { readerOf } from '../access.ts';
import type { Core } from '../core.ts';
import { parseFilter } from '../fields.ts';
import { parsePage } from '../pages.ts';

/** Lists and searches context types. */
export function listTypes(core: Core): MethodImpl<typeof RegistryService.method.listTypes> {
  return async (request, context) => {
    const { tenant } = readerOf(context);
    const { words = [], tag = '' } = parseFilter(request.filter);
    const filter = { words, tag };
    const page = parsePage(request, ['types', tenant, filter]);
    const found = await core.store.types(tenant, filter, page);
    return { types: [...found.items], nextPageToken: page.tokenAfter(found) };
  };
}
