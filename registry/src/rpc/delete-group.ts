import type { MethodImpl } from '@connectrpc/connect';
import { parseName } from '@weir/kit';
import type { GroupService } from '@weir/sdk/gen/weir/registry/v1/tool_groups_pb';
import { administratorOf } from '../access.ts';
import { type Core, tokenOf } from '../core.ts';
import { notFound } from '../refusals.ts';
import { endKeys, keysOfGroup } from '../tool-groups/group-keys.ts';
import { ownPrincipal } from './create-group.ts';

/** Removes a tool group; its keys are revoked, and the principal that was made for it goes. */
export function deleteGroup(core: Core): MethodImpl<typeof GroupService.method.deleteGroup> {
  return async (request, context) => {
    const { tenant } = administratorOf(context, request.tenant);
    const name = parseName('name', request.name);
    const nowMs = core.clock.wallMs();

    const written = await core.store.transact(async (tx) => {
      if (!(await tx.toolGroup(tenant, name))) throw notFound('tool group', name);
      await endKeys(tx, await keysOfGroup(tx, tenant, name), { nowMs, untilMs: nowMs });
      await tx.deleteToolGroup(tenant, name);
      const own = ownPrincipal({ name });
      if (await tx.principal(tenant, own)) await tx.deletePrincipal(tenant, own);
    });

    return { consistencyToken: tokenOf(core, written) };
  };
}
