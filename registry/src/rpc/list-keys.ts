import type { MethodImpl } from '@connectrpc/connect';
import { parsePrincipalName } from '@weir/kit';
import type { AdminService } from '@weir/sdk/gen/weir/registry/v1/admin_pb';
import { administratorOf, requireTenant } from '../access.ts';
import type { Core } from '../core.ts';
import { parsePage } from '../pages.ts';

/** Lists keys, without the keys themselves. */
export function listKeys(core: Core): MethodImpl<typeof AdminService.method.listKeys> {
  return async (request, context) => {
    const { tenant } = administratorOf(context, request.tenant);
    const { principal } = request;
    if (principal !== '') parsePrincipalName('principal', principal);
    const page = parsePage(request, ['keys', tenant, principal]);
    await requireTenant(core.store, tenant);
    const found = await core.store.keys(tenant, { principal }, page);
    return { keys: found.items.map(({ key }) => key), nextPageToken: page.tokenAfter(found) };
  };
}
