import type { MethodImpl } from '@connectrpc/connect';
import { parseName } from '@weir/kit';
import type { AdminService } from '@weir/sdk/gen/weir/registry/v1/admin_pb';
import type { Tenant } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { platformOf } from '../access.ts';
import { type Core, tokenOf } from '../core.ts';
import { parseEtag, parseLimits, parseLine, parseRetention } from '../fields.ts';
import { etagStale, malformed, notFound } from '../refusals.ts';
import { withTenantEtag } from '../tenants.ts';

/** Changes what people call a tenant, how much it may take and how long its records are kept. */
export function updateTenant(core: Core): MethodImpl<typeof AdminService.method.updateTenant> {
  return async (request, context) => {
    platformOf(context);
    const wanted = parseTenant(request.tenant);

    const written = await core.store.transact(async (tx) => {
      const held = await tx.tenant(wanted.name);
      if (!held) throw notFound('tenant', wanted.name);
      if (held.etag !== wanted.etag) throw etagStale(`tenant ${wanted.name}`);
      const { createTime: _, ...change } = wanted;
      const created = held.createTime ? { createTime: held.createTime } : {};
      const changed = withTenantEtag({ ...change, ...created });
      if (changed.etag !== held.etag) await tx.putTenant(changed);
      return changed;
    });

    return { tenant: written.value, consistencyToken: tokenOf(core, written) };
  };
}

function parseTenant(tenant: Tenant | undefined): Tenant {
  if (!tenant) throw malformed('tenant', 'is missing; send it as it shall be');
  parseName('tenant.name', tenant.name);
  parseLine('tenant.title', tenant.title);
  parseLimits('tenant.limits', tenant.limits);
  parseRetention('tenant.audit_retention', tenant.auditRetention);
  parseEtag('tenant.etag', tenant.etag);
  return tenant;
}
