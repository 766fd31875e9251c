import type { MethodImpl } from '@connectrpc/connect';
import { parsePrincipalName } from '@weir/kit';
import type { AdminService } from '@weir/sdk/gen/weir/registry/v1/admin_pb';
import { administratorOf, requirePowerOverCredentials } from '../access.ts';
import { type Core, tokenOf } from '../core.ts';
import { notFound } from '../refusals.ts';

/** Removes a principal and its keys. */
export function deletePrincipal(
  core: Core,
): MethodImpl<typeof AdminService.method.deletePrincipal> {
  return async (request, context) => {
    const { caller, tenant } = administratorOf(context, request.tenant);
    const name = parsePrincipalName('name', request.name);

    const written = await core.store.transact(async (tx) => {
      if (!(await tx.principal(tenant, name))) throw notFound('principal', name);
      await requirePowerOverCredentials(caller, tx, { tenant, principal: name });
      await tx.deletePrincipal(tenant, name);
    });

    return { consistencyToken: tokenOf(core, written) };
  };
}
