import type { JsonObject } from '@bufbuild/protobuf';
import type { Caller } from '@weir/kit';
import { Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import type { ToolGroup } from '@weir/sdk/gen/weir/registry/v1/tool_group_pb';
import { noAttributes } from '../identity/keys.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import { permitsOfGroup } from './groups.ts';

/** A tool group that an administrator tries, as it is or as it might be. */
export interface Trial {
  readonly group: ToolGroup;
}

/** Who calls with the keys of a group: whoever its newest key is of, or a principal of its own. */
export function principalOfGroup({ tenants }: Snapshot, { tenant, name }: ToolGroup): string {
  const keys = [...(tenants.get(tenant)?.keys.values() ?? [])].flatMap(({ key }) =>
    key?.group === name ? [key] : [],
  );
  keys.sort((a, b) => Number((b.createTime?.seconds ?? 0n) - (a.createTime?.seconds ?? 0n)));
  return keys[0]?.principal ?? `group:${name}`;
}

/** The caller that a key of the group would let in, in the place of the administrator. */
export function actingIn(snapshot: Snapshot, caller: Caller, trial: Trial | undefined): Caller {
  if (!trial) return caller;
  const { group } = trial;
  const principal = principalOfGroup(snapshot, group);
  const held = snapshot.tenants.get(group.tenant)?.principals.get(principal);
  return {
    ...{ tenant: group.tenant, principal, consumer: '', keyId: '', authentication: 'key' },
    ...{ network: caller.network, group: group.name, permits: permitsOfGroup(group) },
    scopes: new Set([Scope.READ, Scope.CALL]),
    attributes: held ? (held.attributes ?? noAttributes) : attributesOf(group),
  };
}

/** As the registry makes the principal of a new group. */
function attributesOf({ roles, tiers }: ToolGroup): JsonObject {
  return { roles: [...roles], ...(tiers[0] !== undefined && { tier: tiers[0] }) };
}
