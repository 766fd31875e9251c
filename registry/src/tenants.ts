import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  type ApiKey,
  type Principal,
  PrincipalKind,
  type Scope,
  type Tenant,
  TenantSchema,
} from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import type { Core } from './core.ts';
import { etagOf } from './etag.ts';
import { mintKey } from './keys.ts';
import { hashOf } from './manifest/canonical.ts';
import { starterPolicy } from './policy/starter.ts';
import { newPrincipal } from './principals.ts';
import type { Transaction } from './store/store.ts';

/** The principal of the first key of a tenant. */
export const ADMINISTRATOR = 'admin';

/** A new tenant with the starter policy, a principal "admin" and a key for it. */
export async function foundTenant(
  core: Pick<Core, 'clock'>,
  tx: Transaction,
  spec: { name: string; title: string; scopes: Scope[] },
): Promise<{ tenant: Tenant; secret: string; key: ApiKey }> {
  const createTime = timestampFromMs(core.clock.wallMs());
  const { name, title } = spec;
  const tenant = withTenantEtag(create(TenantSchema, { name, title, createTime }));
  await tx.putTenant(tenant);
  await tx.putPolicy(await starterPolicy(core, name));
  await tx.putPrincipal(newAdministrator(core, spec.name));
  const minted = mintKey(core, {
    tenant: spec.name,
    principal: ADMINISTRATOR,
    consumer: '',
    title: 'First administrator key',
    scopes: spec.scopes,
  });
  await tx.putKey(minted.stored);
  return { tenant, secret: minted.secret, key: minted.stored.key };
}

/** The principal of the first key of a tenant, as it is made with the tenant. */
export function newAdministrator(core: Pick<Core, 'clock'>, tenant: string): Principal {
  return newPrincipal(core, {
    tenant,
    name: ADMINISTRATOR,
    kind: PrincipalKind.USER,
    title: 'Administrator',
    attributes: { roles: ['admin'] },
  });
}

/** A tenant with the etag of its content. */
export function withTenantEtag(tenant: Tenant): Tenant {
  return { ...tenant, etag: etagOf(hashOf(TenantSchema, { ...tenant, etag: '' })) };
}
