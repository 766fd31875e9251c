import type { MethodImpl } from '@connectrpc/connect';
import { parseName } from '@weir/kit';
import type { PolicyService } from '@weir/sdk/gen/weir/policy/v1/service_pb';
import { administratorOf } from '../access.ts';
import type { Core } from '../core.ts';
import { versionNotKept } from '../policy/policies.ts';
import { notFound } from '../refusals.ts';

/** Gets a version of a policy. */
export function getPolicy(core: Core): MethodImpl<typeof PolicyService.method.getPolicy> {
  return async ({ name, version }, context) => {
    const { tenant } = administratorOf(context, '');
    parseName('name', name);
    const policy = await core.store.policy(tenant, name, version || undefined);
    if (policy) return { policy };
    const inForce = version > 0 && (await core.store.policy(tenant, name));
    throw inForce ? versionNotKept(name, version) : notFound('policy', name);
  };
}
