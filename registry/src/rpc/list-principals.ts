import type { MethodImpl } from '@connectrpc/connect';
import type { AdminService } from '@weir/sdk/gen/weir/registry/v1/admin_pb';
import { administratorOf, requireTenant } from '../access.ts';
import type { Core } from '../core.ts';
import { parsePage } from '../pages.ts';

/** Lists principals. */
export function listPrincipals(core: Core): MethodImpl<typeof AdminService.method.listPrincipals> {
  return async (request, context) => {
    const { tenant } = administratorOf(context, request.tenant);
    const page = parsePage(request, ['principals', tenant]);
    await requireTenant(core.store, tenant);
    const found = await core.store.principals(tenant, page);
    return { principals: [...found.items], nextPageToken: page.tokenAfter(found) };
  };
}
