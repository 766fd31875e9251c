import type { JsonObject } from '@bufbuild/protobuf';
import { type ContextKey, createContextKey, type HandlerContext } from '@connectrpc/connect';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { Scope, ScopeSchema } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { refuse } from './errors.ts';

/** Who calls. */
export interface Caller {
  /** The tenant. */
  readonly tenant: string;
  /** The principal of the tenant. */
  readonly principal: string;
  /** The consumer that the key stands for. Empty: none. */
  readonly consumer: string;
  /** The id of the key that was used; of a token the issuer's name, of a certificate its name. */
  readonly keyId: string;
  /** How the caller proved who it is; `registration`: it did not, but registered a provider that tells this. */
  readonly authentication: 'key' | 'token' | 'certificate' | 'registration';
  /** What the key may be used for. */
  readonly scopes: ReadonlySet<Scope>;
  /** What may be done within SCOPE_READ and SCOPE_CALL, as "<action>:<type>". Empty: everything. */
  readonly permits: readonly string[];
  /** The tool group that the key is of. Left out: none. */
  readonly group?: string | undefined;
  /** The address that the call came from, without a port. */
  readonly network: string;
  /** Attributes of the principal, such as roles. */
  readonly attributes: JsonObject;
  /** Those that the token brought; the registry's go before them. Left out: it brought none. */
  readonly broughtAttributes?: JsonObject | undefined;
  /** When the credential stops working, in milliseconds of wall time. Left out: never. */
  readonly expireMs?: number | undefined;
  /** The issuer or certificate, as the registry knew it, that lets the caller in. */
  readonly basis?: object | undefined;
}

/** Where the gate leaves the caller. */
export const callerKey: ContextKey<Caller | undefined> = createContextKey<Caller | undefined>(
  undefined,
  { description: 'the caller' },
);

/** Where the server leaves the id of the request. */
export const requestIdKey: ContextKey<string> = createContextKey('', {
  description: 'the id of the request',
});

/** The caller of a call. Throws CREDENTIAL_MISSING when the gate let nobody in. */
export function callerOf(context: Pick<HandlerContext, 'values'>): Caller {
  const caller = context.values.get(callerKey);
  if (caller !== undefined) return caller;
  throw refuse(
    Reason.CREDENTIAL_MISSING,
    'the call carries no credential; send "authorization: Bearer weir_…"',
  );
}

/** Throws SCOPE_MISSING unless the caller has the scope. PLATFORM implies every scope. */
export function requireScope(caller: Caller, scope: Scope): void {
  if (caller.scopes.has(scope) || caller.scopes.has(Scope.PLATFORM)) return;
  const name = ScopeSchema.value[scope]?.name ?? `SCOPE_${scope}`;
  throw refuse(
    Reason.SCOPE_MISSING,
    `the key lacks the scope ${name}; use a key that has it, or ask an administrator for one`,
    { metadata: { scope: name } },
  );
}
