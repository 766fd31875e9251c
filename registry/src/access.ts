import type { HandlerContext } from '@connectrpc/connect';
import { type Caller, callerOf, parseName, refuse, requireScope } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { Scope, ScopeSchema } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { notFound } from './refusals.ts';
import type { Page, Reader } from './store/store.ts';

/** A caller that may read the catalogue; who may register things may read it too. */
export function readerOf(context: HandlerContext): Caller {
  const caller = callerOf(context);
  if (!mayRegister(caller)) requireScope(caller, Scope.READ);
  return caller;
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

/** Refuses scopes that the caller does not have itself. */
export function requireOwnScopes(caller: Caller, scopes: readonly Scope[]): void {
  if (caller.scopes.has(Scope.PLATFORM)) return;
  const beyond = scopes.filter((scope) => !caller.scopes.has(scope));
  if (beyond.length === 0) return;
  const names = beyond.map((scope) => ScopeSchema.value[scope]?.name).join(', ');
  throw refuse(
    Reason.SCOPE_MISSING,
    `a key can only create keys with scopes that it has itself, and this one lacks ${names}`,
    { metadata: { scope: names } },
  );
}

const KEYS_AT_ONCE = 500;

/**
 * Refuses to touch keys of the platform to those who only administer a tenant: the last one
 * gone, nobody could administer the platform any more.
 */
export function requirePowerOver(caller: Caller, scopes: readonly Scope[]): void {
  if (caller.scopes.has(Scope.PLATFORM) || !scopes.includes(Scope.PLATFORM)) return;
  throw refuse(
    Reason.SCOPE_MISSING,
    'this would touch a key that administers the platform; use a key with SCOPE_PLATFORM',
    { metadata: { scope: 'SCOPE_PLATFORM' } },
  );
}

/** The same, for all keys of a principal. */
export async function requirePowerOverKeys(
  caller: Caller,
  reader: Reader,
  of: { readonly tenant: string; readonly principal: string },
): Promise<void> {
  if (caller.scopes.has(Scope.PLATFORM)) return;
  const filter = { principal: of.principal, unrevoked: true };
  let page: Page | undefined = { size: KEYS_AT_ONCE };
  while (page) {
    const { items, after }: Awaited<ReturnType<Reader['keys']>> = await reader.keys(
      of.tenant,
      filter,
      page,
    );
    for (const { key } of items) requirePowerOver(caller, key.scopes);
    page = after && { size: KEYS_AT_ONCE, after };
  }
}
