import type { MethodImpl } from '@connectrpc/connect';
import { parseName } from '@weir/kit';
import type { PolicyService } from '@weir/sdk/gen/weir/policy/v1/service_pb';
import { administratorOf } from '../access.ts';
import type { Core } from '../core.ts';
import { notFound } from '../refusals.ts';

/** Lists the versions of a policy that are kept, newest first. */
export function listPolicyVersions(
  core: Core,
): MethodImpl<typeof PolicyService.method.listPolicyVersions> {
  return async ({ name }, context) => {
    const { tenant } = administratorOf(context, '');
    parseName('name', name);
    const versions = await core.store.policyVersions(tenant, name);
    if (versions.length === 0) throw notFound('policy', name);
    return { versions: [...versions] };
  };
}
