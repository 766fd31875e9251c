import type { MethodImpl } from '@connectrpc/connect';
import type { AdminService } from '@weir/sdk/gen/weir/registry/v1/admin_pb';
import { platformOf } from '../access.ts';
import type { Core } from '../core.ts';
import { parsePage } from '../pages.ts';

/** Lists tenants. */
export function listTenants(core: Core): MethodImpl<typeof AdminService.method.listTenants> {
  return async (request, context) => {
    platformOf(context);
    const page = parsePage(request, ['tenants']);
    const found = await core.store.tenants(page);
    return { tenants: [...found.items], nextPageToken: page.tokenAfter(found) };
  };
}
