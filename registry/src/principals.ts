import { create, type JsonObject } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  type Principal,
  PrincipalKind,
  PrincipalSchema,
} from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import type { Core } from './core.ts';
import { etagOf } from './etag.ts';
import { hashOf } from './manifest/canonical.ts';
import type { Transaction } from './store/store.ts';

/** What a new principal is. */
export interface PrincipalSpec {
  readonly tenant: string;
  readonly name: string;
  readonly kind: PrincipalKind;
  readonly title: string;
  readonly attributes?: JsonObject;
}

/** A new principal. */
export function newPrincipal(core: Pick<Core, 'clock'>, spec: PrincipalSpec): Principal {
  const createTime = timestampFromMs(core.clock.wallMs());
  return withEtag(create(PrincipalSchema, { ...spec, createTime }));
}

/** Creates a principal as a service when it does not exist. */
export async function ensurePrincipal(
  core: Pick<Core, 'clock'>,
  tx: Transaction,
  { tenant, name }: { readonly tenant: string; readonly name: string },
): Promise<void> {
  if (await tx.principal(tenant, name)) return;
  const service = { tenant, name, kind: PrincipalKind.SERVICE, title: '' };
  await tx.putPrincipal(newPrincipal(core, service));
}

/** A principal with the etag of its content. */
export function withEtag(principal: Principal): Principal {
  return { ...principal, etag: etagOf(hashOf(PrincipalSchema, { ...principal, etag: '' })) };
}
