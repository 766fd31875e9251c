import type { MethodImpl } from '@connectrpc/connect';
import { parsePrincipalName, refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { AdminService } from '@weir/sdk/gen/weir/registry/v1/admin_pb';
import { administratorOf, requireTenant } from '../access.ts';
import { type Core, tokenOf } from '../core.ts';
import { parseAttributes, parseKind, parseLine } from '../fields.ts';
import { newPrincipal } from '../principals.ts';

/** Creates a principal. */
export function createPrincipal(
  core: Core,
): MethodImpl<typeof AdminService.method.createPrincipal> {
  return async (request, context) => {
    const { tenant } = administratorOf(context, request.tenant);
    const name = parsePrincipalName('name', request.name);
    const kind = parseKind('kind', request.kind);
    const title = parseLine('title', request.title);
    const attributes = parseAttributes(request.attributes);

    const written = await core.store.transact(async (tx) => {
      await requireTenant(tx, tenant);
      if (await tx.principal(tenant, name)) throw taken(name);
      const spec = { tenant, name, kind, title, ...(attributes ? { attributes } : {}) };
      const principal = newPrincipal(core, spec);
      await tx.putPrincipal(principal);
      return principal;
    });

    return { principal: written.value, consistencyToken: tokenOf(core, written) };
  };
}

function taken(name: string) {
  return refuse(
    Reason.ALREADY_EXISTS,
    `there is a principal ${name} already; change it with UpdatePrincipal, or choose another name`,
  );
}
