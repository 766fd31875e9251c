import { type Timestamp, timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import type { MethodImpl } from '@connectrpc/connect';
import { parseName, parsePrincipalName } from '@weir/kit';
import type { AdminService, CreateKeyRequest } from '@weir/sdk/gen/weir/registry/v1/admin_pb';
import { administratorOf, requireOwnScopes, requireTenant } from '../access.ts';
import { type Core, tokenOf } from '../core.ts';
import { parseLine } from '../fields.ts';
import { parsePermits, parseScopes } from '../grants.ts';
import { type KeySpec, mintKey } from '../keys.ts';
import { ensurePrincipal } from '../principals.ts';
import { malformed, notFound } from '../refusals.ts';

const EXPIRE_MAX_MS = Date.UTC(9999, 11, 31);

/** Creates a key and shows it, this once. */
export function createKey(core: Core): MethodImpl<typeof AdminService.method.createKey> {
  return async (request, context) => {
    const { caller, tenant } = administratorOf(context, request.tenant);
    const spec = parseSpec(request, tenant, core.clock.wallMs());
    requireOwnScopes(caller, spec.scopes, spec.permits);
    const { secret, stored } = mintKey(core, spec);

    const written = await core.store.transact(async (tx) => {
      await requireTenant(tx, tenant);
      if (spec.consumer && !(await tx.consumer(tenant, spec.consumer))) {
        throw notFound('consumer', spec.consumer);
      }
      await ensurePrincipal(core, tx, { tenant, name: spec.principal });
      await tx.putKey(stored);
    });

    return { secret, key: stored.key, consistencyToken: tokenOf(core, written) };
  };
}

function parseSpec(request: CreateKeyRequest, tenant: string, nowMs: number): KeySpec {
  const { consumer, expireTime, requiresSignature } = request;
  const scopes = parseScopes('scopes', request.scopes);
  return {
    tenant,
    principal: parsePrincipalName('principal', request.principal),
    consumer: consumer === '' ? '' : parseName('consumer', consumer),
    title: parseLine('title', request.title),
    scopes,
    permits: parsePermits('permits', request.permits, scopes),
    requiresSignature,
    ...(expireTime ? { expireTime: parseExpireTime(expireTime, nowMs) } : {}),
  };
}

function parseExpireTime(time: Timestamp, nowMs: number): Timestamp {
  const ms = timestampMs(time);
  if (ms > EXPIRE_MAX_MS) throw malformed('expire_time', 'is after the year 9999; give none');
  if (ms <= nowMs) throw malformed('expire_time', 'has passed; give a time to come, or none');
  return timestampFromMs(ms);
}
