import type { DescMethod } from '@bufbuild/protobuf';
import type { HandlerContext } from '@connectrpc/connect';
import { callerOf, refuse, requireScope } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import type { ToolGroup } from '@weir/sdk/gen/weir/registry/v1/tool_group_pb';
import { GroupService } from '@weir/sdk/gen/weir/registry/v1/tool_groups_pb';
import type { Trial } from '../tools/trials.ts';
import { requireAllowed } from './administer.ts';
import { callRegistry, type ForwardDeps } from './forward.ts';

/** Which group is to be tried. */
export interface Tried {
  /** Empty: that of the proposed one. */
  readonly name: string;
  readonly proposed: ToolGroup | undefined;
}

/** Who may try groups. Throws SCOPE_MISSING and DENIED; returns what is recorded of it. */
export function requireMayTry(deps: ForwardDeps, method: DescMethod, context: HandlerContext) {
  const caller = callerOf(context);
  requireScope(caller, Scope.ADMIN);
  // The key of a group sees that group, and no other as it might be.
  if (caller.group !== undefined) {
    throw refuse(Reason.DENIED, 'the key of a tool group cannot try tool groups');
  }
  return requireAllowed(method, deps, caller);
}

/** The group that is tried: as it is, or as the registry would keep it. Throws NOT_FOUND. */
export async function trialOf(
  deps: ForwardDeps,
  { name, proposed }: Tried,
  context: HandlerContext,
): Promise<Trial> {
  const { tenant } = callerOf(context);
  if (!proposed) {
    const group = deps.holder.current.tenants.get(tenant)?.toolGroups.get(name);
    if (group) return { group };
    throw refuse(Reason.NOT_FOUND, `there is no tool group ${JSON.stringify(name)}`);
  }
  if (proposed.tenant !== '' && proposed.tenant !== tenant) {
    throw refuse(Reason.MALFORMED_REQUEST, 'proposed.tenant is another; try groups of your own');
  }
  if (name !== '' && proposed.name !== name) {
    const text = `proposed.name is ${JSON.stringify(proposed.name)}, and group another; give one`;
    throw refuse(Reason.MALFORMED_REQUEST, text);
  }
  const method = GroupService.method.checkGroup;
  const { group } = await callRegistry(method, deps, { group: proposed } as never, context);
  if (!group) throw new Error('the registry sent no group');
  return { group };
}
