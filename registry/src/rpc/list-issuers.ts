import type { MethodImpl } from '@connectrpc/connect';
import type { AdminService } from '@weir/sdk/gen/weir/registry/v1/admin_pb';
import { administratorOf, requireTenant } from '../access.ts';
import type { Core } from '../core.ts';
import { parsePage } from '../pages.ts';

/** Lists issuers, by name. */
export function listIssuers(core: Core): MethodImpl<typeof AdminService.method.listIssuers> {
  return async (request, context) => {
    const { tenant } = administratorOf(context, request.tenant);
    const page = parsePage(request, ['issuers', tenant]);
    await requireTenant(core.store, tenant);
    const found = await core.store.issuers(tenant, page);
    return { issuers: [...found.items], nextPageToken: page.tokenAfter(found) };
  };
}
