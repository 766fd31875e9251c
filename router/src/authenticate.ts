import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { HandlerContext } from '@connectrpc/connect';
import { type Caller, type Clock, callerKey, parseApiKey, refuse, secretMatches } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { ApiKey, Principal } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import type { SnapshotHolder } from './snapshot/holder.ts';
import { findKey } from './snapshot/snapshot.ts';

/** What authentication needs. */
export interface AuthenticationDeps {
  readonly holder: SnapshotHolder;
  readonly clock: Clock;
  readonly snapshotMaxAgeMs: number;
}

const STALE_RETRY_MS = 1_000;

/** Makes the gate that runs on the headers of every call, before its body is read. */
export function authenticate(deps: AuthenticationDeps) {
  return (context: HandlerContext): void => {
    const ageMs = deps.holder.ageMs();
    if (ageMs > deps.snapshotMaxAgeMs) throw tooOld(ageMs);
    const caller = callerOfKey(deps, context.requestHeader.get('authorization'));
    context.values.set(callerKey, caller);
  };
}

/** Throws when a caller who was let in would not be let in any more; for calls that last. */
export function requireStillValid(
  { holder, clock }: Pick<AuthenticationDeps, 'holder' | 'clock'>,
  caller: Caller,
): void {
  const known = findKey(holder.current, caller.keyId);
  if (!known?.key || !principalOf({ holder, clock }, known.key)) throw invalid();
}

/** The principal of a key; undefined when the key may not be used any more. */
function principalOf(
  { holder, clock }: Pick<AuthenticationDeps, 'holder' | 'clock'>,
  key: ApiKey,
): Principal | undefined {
  if (key.expireTime && timestampMs(key.expireTime) <= clock.wallMs()) return undefined;
  const principal = holder.current.tenants.get(key.tenant)?.principals.get(key.principal);
  return principal?.disabled ? undefined : principal;
}

function callerOfKey({ holder, clock }: AuthenticationDeps, header: string | null): Caller {
  if (header === null) {
    throw refuse(
      Reason.CREDENTIAL_MISSING,
      'the call carries no credential; send "authorization: Bearer weir_…"',
    );
  }
  const [, text] = /^bearer +(\S+)$/i.exec(header) ?? [];
  const parsed = text === undefined ? undefined : parseApiKey(text);
  const known = parsed && findKey(holder.current, parsed.id);
  // Whatever is wrong, the answer is the same: it tells nobody which keys exist.
  if (!parsed || !known?.key || !secretMatches(known.secretHash, parsed.secret)) throw invalid();
  const { key } = known;
  const principal = principalOf({ holder, clock }, key);
  if (!principal) throw invalid();
  return {
    tenant: key.tenant,
    principal: key.principal,
    consumer: key.consumer,
    keyId: key.id,
    scopes: new Set(key.scopes),
    attributes: principal.attributes ?? {},
  };
}

function invalid() {
  return refuse(
    Reason.CREDENTIAL_INVALID,
    'the key is not valid (any more); ask an administrator for another',
  );
}

function tooOld(ageMs: number) {
  const text = Number.isFinite(ageMs)
    ? `the registry was last heard of ${Math.round(ageMs / 1000)} s ago`
    : 'the registry has not been heard of yet';
  return refuse(Reason.SNAPSHOT_STALE, `${text}; this router serves no more until it is back`, {
    retryDelayMs: STALE_RETRY_MS,
  });
}
