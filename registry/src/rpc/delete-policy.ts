import type { MethodImpl } from '@connectrpc/connect';
import { parseName } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { PolicyService } from '@weir/sdk/gen/weir/policy/v1/service_pb';
import { administratorOf } from '../access.ts';
import { type Core, tokenOf } from '../core.ts';
import { policiesWith } from '../policy/policies.ts';
import { requireWayBack } from '../policy/way-back.ts';
import { notFound } from '../refusals.ts';

/** Takes a policy out of force, with all its versions. */
export function deletePolicy(core: Core): MethodImpl<typeof PolicyService.method.deletePolicy> {
  return async (request, context) => {
    const { caller, tenant } = administratorOf(context, '');
    const name = parseName('name', request.name);

    const written = await core.store.transact(async (tx) => {
      if (!(await tx.policy(tenant, name))) throw notFound('policy', name);
      const after = policiesWith(await tx.policiesInForce(tenant), name, undefined);
      const nowMs = core.clock.wallMs();
      await requireWayBack(tx, { caller, after, nowMs }, Reason.IN_USE);
      await tx.deletePolicy(tenant, name);
    });

    return { consistencyToken: tokenOf(core, written) };
  };
}
