import type { MethodImpl } from '@connectrpc/connect';
import type { AdminService } from '@weir/sdk/gen/weir/registry/v1/admin_pb';
import type { Issuer } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { administratorOf, requireOwnScopes, requireTenant } from '../access.ts';
import { type Core, tokenOf } from '../core.ts';
import { taken } from '../grants.ts';
import { parseIssuer, withIssuerEtag } from '../issuers.ts';
import { etagStale, malformed, notFound } from '../refusals.ts';
import type { Transaction } from '../store/store.ts';

/** Believes the tokens of an issuer, or changes how. */
export function putIssuer(core: Core): MethodImpl<typeof AdminService.method.putIssuer> {
  return async ({ issuer: given }, context) => {
    if (!given) throw malformed('issuer', 'is missing; give the issuer as it shall be');
    const { caller, tenant } = administratorOf(context, given.tenant);
    const issuer = parseIssuer(core, given, tenant);
    requireOwnScopes(caller, issuer.scopes);

    const written = await core.store.transact(async (tx) => {
      await requireTenant(tx, tenant);
      const held = await tx.issuer(tenant, issuer.name);
      if ((held?.etag ?? '') !== given.etag) throw etagStale(`issuer ${issuer.name}`);
      const { consumer } = issuer;
      if (consumer && !(await tx.consumer(tenant, consumer))) throw notFound('consumer', consumer);
      await requireUnclaimed(tx, issuer);
      const { createTime } = held ?? issuer;
      const next = withIssuerEtag({ ...issuer, ...(createTime && { createTime }) });
      if (next.etag !== held?.etag) await tx.putIssuer(next);
      return next;
    });

    return { issuer: written.value, consistencyToken: tokenOf(core, written) };
  };
}

async function requireUnclaimed(tx: Transaction, { tenant, name, url, audiences }: Issuer) {
  for (const audience of audiences) {
    const owner = await tx.issuerOf(url, audience);
    if (owner && (owner.tenant !== tenant || owner.name !== name)) {
      throw taken(`the issuer with the audience ${JSON.stringify(audience)}`);
    }
  }
}
