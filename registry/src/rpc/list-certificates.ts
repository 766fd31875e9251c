import type { MethodImpl } from '@connectrpc/connect';
import type { AdminService } from '@weir/sdk/gen/weir/registry/v1/admin_pb';
import { administratorOf, requireTenant } from '../access.ts';
import type { Core } from '../core.ts';
import { parsePage } from '../pages.ts';

/** Lists the certificates that are believed, by name. */
export function listCertificates(
  core: Core,
): MethodImpl<typeof AdminService.method.listCertificates> {
  return async (request, context) => {
    const { tenant } = administratorOf(context, request.tenant);
    const page = parsePage(request, ['certificates', tenant]);
    await requireTenant(core.store, tenant);
    const found = await core.store.certificates(tenant, {}, page);
    return { certificates: [...found.items], nextPageToken: page.tokenAfter(found) };
  };
}
