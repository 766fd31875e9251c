import type { HandlerContext } from '@connectrpc/connect';
import {
  type Caller,
  callerOf,
  parseName,
  permitsAllow,
  readPermit,
  refuse,
  requireScope,
} from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { Scope, ScopeSchema } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { everyPage } from './pages.ts';
import { notFound } from './refusals.ts';
import type { Reader } from './store/store.ts';

const ALL_TYPES = '*';

/**
 * A caller that may read the catalogue, or what it says of one type; who may register things may
 * read it too. Permits narrow that down to the types that they name.
 */
export function readerOf(context: HandlerContext, type = ALL_TYPES): Caller {
  const caller = callerOf(context);
  if (mayRegister(caller)) return caller;
  requireScope(caller, Scope.READ);
  const named = caller.permits.map((permit) => readPermit(permit)?.type);
  if (named.length === 0 || named.includes(type) || named.includes(ALL_TYPES)) return caller;
  throw refuse(
    Reason.SCOPE_MISSING,
    'the permits of the key do not let it read this of the catalogue; use a key without permits, or with one for every type',
    { metadata: { scope: 'SCOPE_READ' } },
  );
}

/** A caller that may register things. */
export function registrarOf(context: HandlerContext): Caller {
  const caller = callerOf(context);
  requireScope(caller, Scope.REGISTER);
  return caller;
}

/** Whether a caller may register things, and so see addresses. */
export function mayRegister(caller: Caller): boolean {
  return caller.scopes.has(Scope.REGISTER) || caller.scopes.has(Scope.PLATFORM);
}

/** A caller that may administer a tenant, and which: its own, or the one it names. */
export function administratorOf(
  context: HandlerContext,
  named: string,
): { caller: Caller; tenant: string } {
  const caller = callerOf(context);
  const tenant = named === '' ? caller.tenant : parseName('tenant', named);
  requireScope(caller, tenant === caller.tenant ? Scope.ADMIN : Scope.PLATFORM);
  return { caller, tenant };
}

/** A caller that may administer every tenant. */
export function platformOf(context: HandlerContext): Caller {
  const caller = callerOf(context);
  requireScope(caller, Scope.PLATFORM);
  return caller;
}

/** Refuses tenants that do not exist. */
export async function requireTenant(reader: Reader, tenant: string): Promise<void> {
  if (!(await reader.tenant(tenant))) throw notFound('tenant', tenant);
}

/** Refuses scopes, and permits within SCOPE_READ and SCOPE_CALL, that the caller does not have itself. */
export function requireOwnScopes(
  caller: Caller,
  scopes: readonly Scope[],
  permits: readonly string[] = [],
): void {
  if (caller.scopes.has(Scope.PLATFORM)) return;
  if (scopes.includes(Scope.READ) || scopes.includes(Scope.CALL))
    requireOwnPermits(caller, permits);
  const beyond = scopes.filter((scope) => !caller.scopes.has(scope));
  if (beyond.length === 0) return;
  const names = beyond.map((scope) => ScopeSchema.value[scope]?.name).join(', ');
  throw refuse(
    Reason.SCOPE_MISSING,
    `a key can only create keys with scopes that it has itself, and this one lacks ${names}`,
    { metadata: { scope: names } },
  );
}

/** No permits stand for everything. */
function requireOwnPermits(caller: Caller, permits: readonly string[]): void {
  if (caller.permits.length === 0) return;
  const isOwn = (permit: string) => {
    const { action, type } = readPermit(permit) ?? { action: '', type: '' };
    return permitsAllow(caller.permits, action, type);
  };
  if (permits.length > 0 && permits.every(isOwn)) return;
  throw refuse(
    Reason.SCOPE_MISSING,
    'a key with permits can only give permits that it has itself; name some of them',
    { metadata: { scope: 'SCOPE_READ' } },
  );
}

const CREDENTIALS_AT_ONCE = 500;

/**
 * Refuses to touch credentials of the platform to those who only administer a tenant: the last one
 * gone, nobody could administer the platform any more.
 */
export function requirePowerOver(caller: Caller, scopes: readonly Scope[]): void {
  if (caller.scopes.has(Scope.PLATFORM) || !scopes.includes(Scope.PLATFORM)) return;
  throw refuse(
    Reason.SCOPE_MISSING,
    'this would touch a credential that administers the platform; use a key with SCOPE_PLATFORM',
    { metadata: { scope: 'SCOPE_PLATFORM' } },
  );
}

/** The same, for all credentials of a principal. */
export async function requirePowerOverCredentials(
  caller: Caller,
  reader: Reader,
  { tenant, principal }: { readonly tenant: string; readonly principal: string },
): Promise<void> {
  if (caller.scopes.has(Scope.PLATFORM)) return;
  const keys = everyPage(CREDENTIALS_AT_ONCE, (page) =>
    reader.keys(tenant, { principal, unrevoked: true }, page),
  );
  for await (const { key } of keys) requirePowerOver(caller, key.scopes);
  const certificates = everyPage(CREDENTIALS_AT_ONCE, (page) =>
    reader.certificates(tenant, { principal }, page),
  );
  for await (const { scopes } of certificates) requirePowerOver(caller, scopes);
}
