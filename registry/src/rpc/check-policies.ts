import type { MethodImpl } from '@connectrpc/connect';
import type { PolicyService } from '@weir/sdk/gen/weir/policy/v1/service_pb';
import { administratorOf } from '../access.ts';
import { checkFor } from '../checks/checks.ts';
import type { Core } from '../core.ts';
import { draftPolicies } from '../policy/drafts.ts';
import { policyRemarks } from '../policy/remarks.ts';

/** Checks policies without keeping them, and returns them as they would be. */
export function checkPolicies(core: Core): MethodImpl<typeof PolicyService.method.checkPolicies> {
  return async (request, context) => {
    const { caller } = administratorOf(context, '');
    const drafts = await draftPolicies(core, request, { caller, check: checkFor(context) });
    const nowMs = core.clock.wallMs();
    const remarks = await policyRemarks(core.store, drafts, { caller, nowMs });
    return { policies: [...drafts.given], remarks };
  };
}
