import type { MethodImpl } from '@connectrpc/connect';
import { parseName } from '@weir/kit';
import type { GroupService } from '@weir/sdk/gen/weir/registry/v1/tool_groups_pb';
import { administratorOf } from '../access.ts';
import type { Core } from '../core.ts';
import { notFound } from '../refusals.ts';

/** Gets a tool group. */
export function getGroup(core: Core): MethodImpl<typeof GroupService.method.getGroup> {
  return async (request, context) => {
    const { tenant } = administratorOf(context, request.tenant);
    const name = parseName('name', request.name);
    const group = await core.store.toolGroup(tenant, name);
    if (!group) throw notFound('tool group', name);
    return { group };
  };
}
