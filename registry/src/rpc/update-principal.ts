import type { MethodImpl } from '@connectrpc/connect';
import { parsePrincipalName } from '@weir/kit';
import type { AdminService } from '@weir/sdk/gen/weir/registry/v1/admin_pb';
import type { Principal } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { administratorOf, requirePowerOverCredentials } from '../access.ts';
import { type Core, tokenOf } from '../core.ts';
import { parseAttributes, parseEtag, parseKind, parseLimits, parseLine } from '../fields.ts';
import { withEtag } from '../principals.ts';
import { etagStale, malformed, notFound } from '../refusals.ts';

/** Changes a principal; disabling it stops its keys. */
export function updatePrincipal(
  core: Core,
): MethodImpl<typeof AdminService.method.updatePrincipal> {
  return async (request, context) => {
    const { caller, tenant } = administratorOf(context, request.principal?.tenant ?? '');
    const wanted = parsePrincipal(request.principal);

    const written = await core.store.transact(async (tx) => {
      const held = await tx.principal(tenant, wanted.name);
      if (!held) throw notFound('principal', wanted.name);
      if (held.etag !== wanted.etag) throw etagStale(`principal ${wanted.name}`);
      await requirePowerOverCredentials(caller, tx, { tenant, principal: wanted.name });
      const { attributes: _, limits: __, ...kept } = held;
      const { kind, title, disabled, attributes, limits } = wanted;
      const given = { ...(attributes ? { attributes } : {}), ...(limits ? { limits } : {}) };
      const change = { kind, title, disabled, ...given };
      const changed = withEtag({ ...kept, ...change });
      if (changed.etag !== held.etag) await tx.putPrincipal(changed);
      return changed;
    });

    return { principal: written.value, consistencyToken: tokenOf(core, written) };
  };
}

function parsePrincipal(principal: Principal | undefined): Principal {
  if (!principal) throw malformed('principal', 'is missing; send it as it shall be');
  parsePrincipalName('principal.name', principal.name);
  parseKind('principal.kind', principal.kind);
  parseLine('principal.title', principal.title);
  parseAttributes(principal.attributes);
  parseLimits('principal.limits', principal.limits);
  parseEtag('principal.etag', principal.etag);
  return principal;
}
