import type { MethodImpl } from '@connectrpc/connect';
import type { PolicyService } from '@weir/sdk/gen/weir/policy/v1/service_pb';
import { administratorOf } from '../access.ts';
import { checkFor } from '../checks/checks.ts';
import { type Core, tokenOf } from '../core.ts';
import { parseComment } from '../fields.ts';
import { putNextVersion } from '../policy/policies.ts';
import { readPolicy } from '../policy/read-policies.ts';
import { etagStale } from '../refusals.ts';

/** Puts a policy into force; the same content again changes nothing. */
export function putPolicy(core: Core): MethodImpl<typeof PolicyService.method.putPolicy> {
  return async (request, context) => {
    const { caller, tenant } = administratorOf(context, '');
    const comment = parseComment('comment', request.comment);
    const { manifest, hash } = await readPolicy(core.checks, request.policy, checkFor(context));
    const spec = { tenant, manifest, hash, author: caller.principal, comment };

    const written = await core.store.transact(async (tx) => {
      const held = await tx.policy(tenant, manifest.name);
      const { etag } = request;
      if (etag !== '' && held?.etag !== etag) throw etagStale(`policy ${manifest.name}`);
      return await putNextVersion(core, tx, { held, spec, caller });
    });

    return { policy: written.value, consistencyToken: tokenOf(core, written) };
  };
}
