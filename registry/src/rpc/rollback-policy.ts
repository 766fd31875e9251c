import type { HandlerContext, MethodImpl } from '@connectrpc/connect';
import { parseName } from '@weir/kit';
import type { Policy } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import type { PolicyService } from '@weir/sdk/gen/weir/policy/v1/service_pb';
import { administratorOf } from '../access.ts';
import { checkFor } from '../checks/checks.ts';
import { type Core, tokenOf } from '../core.ts';
import { parseComment } from '../fields.ts';
import { policyKind } from '../manifest/kinds.ts';
import { putNextVersion, versionNotKept } from '../policy/policies.ts';
import { etagStale, malformed, notFound } from '../refusals.ts';
import type { Reader } from '../store/store.ts';

/** Puts an older version of a policy into force again, as a new version. */
export function rollbackPolicy(core: Core): MethodImpl<typeof PolicyService.method.rollbackPolicy> {
  return async (request, context) => {
    const { caller, tenant } = administratorOf(context, '');
    const name = parseName('name', request.name);
    const given = parseComment('comment', request.comment);
    const { held, older } = await olderVersion(core.store, { tenant, name }, request.version);
    const { manifest, hash } = await recheck(core, older, context);
    const comment = given || `rollback to version ${older.version}`;
    const spec = { tenant, manifest, hash, author: caller.principal, comment };

    const written = await core.store.transact(async (tx) => {
      const now = await tx.policy(tenant, name);
      if (now?.etag !== held.etag) throw etagStale(`policy ${name}`);
      return await putNextVersion(core, tx, { held, spec, caller });
    });

    return { policy: written.value, consistencyToken: tokenOf(core, written) };
  };
}

/** The version in force, and the one to go back to. */
async function olderVersion(
  reader: Reader,
  { tenant, name }: { tenant: string; name: string },
  wanted: number,
): Promise<{ held: Policy; older: Policy }> {
  const held = await reader.policy(tenant, name);
  if (!held) throw notFound('policy', name);
  const version = wanted || held.version - 1;
  if (version === 0) throw malformed('version', `policy ${name} has no older version`);
  const older = await reader.policy(tenant, name, version);
  if (!older) throw versionNotKept(name, version);
  return { held, older };
}

/** What was right under an older release may be faulty under this one. */
function recheck(core: Core, { manifest }: Policy, context: HandlerContext) {
  const source = manifest ? { case: 'manifest' as const, value: manifest } : { case: undefined };
  return core.checks.read(policyKind, source, checkFor(context));
}
