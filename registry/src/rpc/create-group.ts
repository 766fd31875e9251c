import type { JsonObject } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { MethodImpl } from '@connectrpc/connect';
import { parsePrincipalName, refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { PrincipalKind } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import type { ToolGroup } from '@weir/sdk/gen/weir/registry/v1/tool_group_pb';
import type { GroupService } from '@weir/sdk/gen/weir/registry/v1/tool_groups_pb';
import { administratorOf, requireOwnScopes, requireTenant } from '../access.ts';
import { type Core, tokenOf } from '../core.ts';
import { newPrincipal } from '../principals.ts';
import { notFound } from '../refusals.ts';
import type { Transaction } from '../store/store.ts';
import { groupKeyScopes, mintGroupKey } from '../tool-groups/group-keys.ts';
import { parseGroup, withGroupEtag } from '../tool-groups/parse-group.ts';

/** Creates a tool group and its first key, which is shown this once. */
export function createGroup(core: Core): MethodImpl<typeof GroupService.method.createGroup> {
  return async (request, context) => {
    const { caller, tenant } = administratorOf(context, request.group?.tenant ?? '');
    requireOwnScopes(caller, groupKeyScopes);
    const now = timestampFromMs(core.clock.wallMs());
    const times = { createTime: now, updateTime: now };
    const group = withGroupEtag({ ...parseGroup(request.group, tenant), ...times, version: 1n });
    const named = request.principal;
    const principal = named ? parsePrincipalName('principal', named) : ownPrincipal(group);
    const { secret, stored } = mintGroupKey(core, { tenant, group: group.name, principal });

    const written = await core.store.transact(async (tx) => {
      await requireTenant(tx, tenant);
      if (await tx.toolGroup(tenant, group.name)) throw exists(group.name);
      await tx.putToolGroup(group);
      await requirePrincipal(core, tx, { group, principal, isOwn: named === '' });
      await tx.putKey(stored);
    });

    return { group, secret, key: stored.key, consistencyToken: tokenOf(core, written) };
  };
}

/** The principal that a group's keys are of unless another one is named. */
export function ownPrincipal({ name }: Pick<ToolGroup, 'name'>): string {
  return `group:${name}`;
}

async function requirePrincipal(
  core: Core,
  tx: Transaction,
  of: { readonly group: ToolGroup; readonly principal: string; readonly isOwn: boolean },
): Promise<void> {
  const { tenant, name, roles, tiers } = of.group;
  if (await tx.principal(tenant, of.principal)) return;
  if (!of.isOwn) throw notFound('principal', of.principal);
  const attributes: JsonObject = { roles: [...roles], ...(tiers[0] && { tier: tiers[0] }) };
  const spec = { tenant, name: of.principal, title: `tool group ${name}`, attributes };
  await tx.putPrincipal(newPrincipal(core, { ...spec, kind: PrincipalKind.AGENT }));
}

function exists(name: string) {
  const text = `tool group ${name} exists; change it with UpdateGroup, or choose another name`;
  return refuse(Reason.ALREADY_EXISTS, text);
}
