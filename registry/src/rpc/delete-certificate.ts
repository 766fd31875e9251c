import type { MethodImpl } from '@connectrpc/connect';
import { parseName } from '@weir/kit';
import type { AdminService } from '@weir/sdk/gen/weir/registry/v1/admin_pb';
import { administratorOf, requirePowerOver } from '../access.ts';
import { type Core, tokenOf } from '../core.ts';
import { notFound } from '../refusals.ts';

/** Believes a certificate no longer. */
export function deleteCertificate(
  core: Core,
): MethodImpl<typeof AdminService.method.deleteCertificate> {
  return async (request, context) => {
    const { caller, tenant } = administratorOf(context, request.tenant);
    const name = parseName('name', request.name);

    const written = await core.store.transact(async (tx) => {
      const held = await tx.certificate(tenant, name);
      if (!held) throw notFound('certificate', name);
      requirePowerOver(caller, held.scopes);
      await tx.deleteCertificate(tenant, name);
    });

    return { consistencyToken: tokenOf(core, written) };
  };
}
