import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { MethodImpl } from '@connectrpc/connect';
import type { GroupService } from '@weir/sdk/gen/weir/registry/v1/tool_groups_pb';
import { administratorOf } from '../access.ts';
import { type Core, tokenOf } from '../core.ts';
import { parseEtag } from '../fields.ts';
import { etagStale, notFound } from '../refusals.ts';
import { parseGroup, withGroupEtag } from '../tool-groups/parse-group.ts';

/** Changes a tool group. */
export function updateGroup(core: Core): MethodImpl<typeof GroupService.method.updateGroup> {
  return async ({ group: given }, context) => {
    const { tenant } = administratorOf(context, given?.tenant ?? '');
    const group = parseGroup(given, tenant);
    const etag = parseEtag('group.etag', given?.etag ?? '');

    const written = await core.store.transact(async (tx) => {
      const held = await tx.toolGroup(tenant, group.name);
      if (!held) throw notFound('tool group', group.name);
      if (held.etag !== etag) throw etagStale(`tool group ${group.name}`);
      const { createTime } = held;
      const next = withGroupEtag({
        ...group,
        ...(createTime && { createTime }),
        updateTime: timestampFromMs(core.clock.wallMs()),
        version: held.version + 1n,
      });
      await tx.putToolGroup(next);
      return next;
    });

    return { group: written.value, consistencyToken: tokenOf(core, written) };
  };
}
