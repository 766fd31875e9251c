import { type Timestamp, timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import type { MethodImpl } from '@connectrpc/connect';
import { parseName, parsePrincipalName } from '@weir/kit';
import type { AdminService, CreateKeyRequest } from '@weir/sdk/gen/weir/registry/v1/admin_pb';
import { PrincipalKind, Scope, ScopeSchema } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { administratorOf, requireOwnScopes, requireTenant } from '../access.ts';
import { type Core, tokenOf } from '../core.ts';
import { parseLine } from '../fields.ts';
import { type KeySpec, mintKey } from '../keys.ts';
import { newPrincipal } from '../principals.ts';
import { malformed, notFound } from '../refusals.ts';
import type { Transaction } from '../store/store.ts';

const EXPIRE_MAX_MS = Date.UTC(9999, 11, 31);

/** Creates a key and shows it, this once. */
export function createKey(core: Core): MethodImpl<typeof AdminService.method.createKey> {
  return async (request, context) => {
    const { caller, tenant } = administratorOf(context, request.tenant);
    const spec = parseSpec(request, tenant, core.clock.wallMs());
    requireOwnScopes(caller, spec.scopes);
    const { secret, stored } = mintKey(core, spec);

    const written = await core.store.transact(async (tx) => {
      await requireTenant(tx, tenant);
      if (spec.consumer && !(await tx.consumer(tenant, spec.consumer))) {
        throw notFound('consumer', spec.consumer);
      }
      await ensurePrincipal(core, tx, spec);
      await tx.putKey(stored);
    });

    return { secret, key: stored.key, consistencyToken: tokenOf(core, written) };
  };
}

async function ensurePrincipal(core: Core, tx: Transaction, spec: KeySpec): Promise<void> {
  const { tenant, principal: name } = spec;
  if (await tx.principal(tenant, name)) return;
  const service = { tenant, name, kind: PrincipalKind.SERVICE, title: '' };
  await tx.putPrincipal(newPrincipal(core, service));
}

function parseSpec(request: CreateKeyRequest, tenant: string, nowMs: number): KeySpec {
  const { consumer, expireTime } = request;
  return {
    tenant,
    principal: parsePrincipalName('principal', request.principal),
    consumer: consumer === '' ? '' : parseName('consumer', consumer),
    title: parseLine('title', request.title),
    scopes: parseScopes(request.scopes),
    ...(expireTime ? { expireTime: parseExpireTime(expireTime, nowMs) } : {}),
  };
}

function parseScopes(scopes: readonly Scope[]): Scope[] {
  if (scopes.length === 0) return [Scope.READ];
  scopes.forEach((scope, index) => {
    if (scope === Scope.UNSPECIFIED || !ScopeSchema.value[scope]) {
      throw malformed(`scopes[${index}]`, `${scope} is not a scope`);
    }
  });
  return [...new Set(scopes)].sort((a, b) => a - b);
}

function parseExpireTime(time: Timestamp, nowMs: number): Timestamp {
  const ms = timestampMs(time);
  if (ms > EXPIRE_MAX_MS) throw malformed('expire_time', 'is after the year 9999; give none');
  if (ms <= nowMs) throw malformed('expire_time', 'has passed; give a time to come, or none');
  return timestampFromMs(ms);
}
