import type { MethodImpl } from '@connectrpc/connect';
import { parseName } from '@weir/kit';
import type { AdminService } from '@weir/sdk/gen/weir/registry/v1/admin_pb';
import { administratorOf } from '../access.ts';
import { type Core, tokenOf } from '../core.ts';
import { notFound } from '../refusals.ts';

/** Believes the tokens of an issuer no longer. */
export function deleteIssuer(core: Core): MethodImpl<typeof AdminService.method.deleteIssuer> {
  return async (request, context) => {
    const { tenant } = administratorOf(context, request.tenant);
    const name = parseName('name', request.name);

    const written = await core.store.transact(async (tx) => {
      if (!(await tx.issuer(tenant, name))) throw notFound('issuer', name);
      await tx.deleteIssuer(tenant, name);
    });

    return { consistencyToken: tokenOf(core, written) };
  };
}
