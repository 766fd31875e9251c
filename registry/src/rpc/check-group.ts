import type { MethodImpl } from '@connectrpc/connect';
import type { GroupService } from '@weir/sdk/gen/weir/registry/v1/tool_groups_pb';
import { administratorOf } from '../access.ts';
import { parseGroup } from '../tool-groups/parse-group.ts';

/** Checks a tool group without keeping it, and returns it as it would be. */
export function checkGroup(): MethodImpl<typeof GroupService.method.checkGroup> {
  return async ({ group }, context) => {
    const { tenant } = administratorOf(context, group?.tenant ?? '');
    return { group: parseGroup(group, tenant) };
  };
}
