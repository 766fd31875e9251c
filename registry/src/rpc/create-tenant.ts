import type { MethodImpl } from '@connectrpc/connect';
import { parseName, refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { AdminService } from '@weir/sdk/gen/weir/registry/v1/admin_pb';
import { Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { platformOf } from '../access.ts';
import { type Core, tokenOf } from '../core.ts';
import { parseLine } from '../fields.ts';
import { foundTenant } from '../tenants.ts';

/** Creates a tenant with a first administrator and a key for it. */
export function createTenant(core: Core): MethodImpl<typeof AdminService.method.createTenant> {
  return async (request, context) => {
    platformOf(context);
    const name = parseName('name', request.name);
    const title = parseLine('title', request.title);

    const written = await core.store.transact(async (tx) => {
      if (await tx.tenant(name)) throw taken(name);
      const scopes = [Scope.READ, Scope.REGISTER, Scope.ADMIN, Scope.CALL];
      return await foundTenant(core, tx, { name, title, scopes });
    });

    return { ...written.value, consistencyToken: tokenOf(core, written) };
  };
}

function taken(name: string) {
  return refuse(Reason.ALREADY_EXISTS, `there is a tenant ${name} already; choose another name`);
}
