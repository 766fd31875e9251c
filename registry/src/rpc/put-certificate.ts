import type { MethodImpl } from '@connectrpc/connect';
import type { AdminService } from '@weir/sdk/gen/weir/registry/v1/admin_pb';
import { administratorOf, platformOf, requireTenant } from '../access.ts';
import { parseCertificate } from '../certificates.ts';
import { type Core, tokenOf } from '../core.ts';
import { taken } from '../grants.ts';
import { ensurePrincipal } from '../principals.ts';
import { malformed, notFound } from '../refusals.ts';

/** Believes a client certificate, or changes whose it is. */
export function putCertificate(core: Core): MethodImpl<typeof AdminService.method.putCertificate> {
  return async ({ certificate: given }, context) => {
    platformOf(context);
    if (!given) throw malformed('certificate', 'is missing; give the certificate as it shall be');
    const { tenant } = administratorOf(context, given.tenant);
    const certificate = parseCertificate(core, given, tenant);

    const written = await core.store.transact(async (tx) => {
      await requireTenant(tx, tenant);
      const { name, principal, consumer, match } = certificate;
      if (consumer && !(await tx.consumer(tenant, consumer))) throw notFound('consumer', consumer);
      const owner = await tx.certificateOf(match);
      if (owner && (owner.tenant !== tenant || owner.name !== name)) {
        throw taken('who stands in the certificate');
      }
      await ensurePrincipal(core, tx, { tenant, name: principal });
      const held = await tx.certificate(tenant, name);
      const next = { ...certificate, ...(held?.createTime && { createTime: held.createTime }) };
      await tx.putCertificate(next);
      return next;
    });

    return { certificate: written.value, consistencyToken: tokenOf(core, written) };
  };
}
