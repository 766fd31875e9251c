import type { MethodImpl } from '@connectrpc/connect';
import type { GroupService } from '@weir/sdk/gen/weir/registry/v1/tool_groups_pb';
import { administratorOf, requireTenant } from '../access.ts';
import type { Core } from '../core.ts';
import { parsePage } from '../pages.ts';

/** Lists tool groups, by name. */
export function listGroups(core: Core): MethodImpl<typeof GroupService.method.listGroups> {
  return async (request, context) => {
    const { tenant } = administratorOf(context, request.tenant);
    const page = parsePage(request, ['toolgroups', tenant]);
    await requireTenant(core.store, tenant);
    const found = await core.store.toolGroups(tenant, page);
    return { groups: [...found.items], nextPageToken: page.tokenAfter(found) };
  };
}
