import { equals } from '@bufbuild/protobuf';
import {
  type Caller,
  type CallHead,
  type Clock,
  callerKey,
  expectBodyKey,
  peerKey,
  refuse,
} from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import {
  CertificateIdentitySchema,
  IssuerSchema,
} from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { callerOfCertificate, principalOfCertificate } from './identity/certificates.ts';
import { merged } from './identity/claims.ts';
import { callerOfKey, callerWith, noAttributes, principalOfKey } from './identity/keys.ts';
import type { Nonces } from './identity/nonces.ts';
import { invalidKey, invalidToken, unknownCertificate, unreadable } from './identity/refusals.ts';
import { callerOfRegistrar } from './identity/registrar.ts';
import { verifySignature } from './identity/signature.ts';
import type { Tokens } from './identity/tokens.ts';
import { pairOf } from './snapshot/credentials.ts';
import type { SnapshotHolder } from './snapshot/holder.ts';
import { findKey, type Snapshot } from './snapshot/snapshot.ts';

/** What authentication needs. */
export interface AuthenticationDeps {
  readonly holder: SnapshotHolder;
  readonly clock: Clock;
  readonly snapshotMaxAgeMs: number;
  /** Left out: no token of an issuer lets anybody in. */
  readonly tokens?: Tokens | undefined;
  /** Left out: no signed call is let in. */
  readonly nonces?: Nonces | undefined;
}

const STALE_RETRY_MS = 1_000;
const KEY_PREFIX = 'weir_';

/**
 * Makes the gate that runs on the headers of every call, before its body is read. What the call
 * brings decides how it is authenticated, and then nothing else is tried: a key, a token or a
 * signature in "authorization", or, without that header, the certificate of the connection.
 */
export function authenticate(deps: AuthenticationDeps) {
  return (head: CallHead): void | Promise<void> => {
    const ageMs = deps.holder.ageMs();
    if (ageMs > deps.snapshotMaxAgeMs) throw tooOld(ageMs);
    const caller = callerOfCall(deps, head);
    const letIn = (who: Caller) => {
      const { address } = head.values.get(peerKey);
      head.values.set(callerKey, from(address, who));
    };
    return caller instanceof Promise ? caller.then(letIn) : letIn(caller);
  };
}

/** Callers as they came last, from an address. */
const cameLast = new WeakMap<Caller, Caller>();

/** A caller with the address that the call came from: the same object when it comes from there again. */
function from(address: string, who: Caller): Caller {
  const last = cameLast.get(who);
  if (last?.network === address) return last;
  const came = { ...who, network: address };
  cameLast.set(who, came);
  return came;
}

function callerOfCall(deps: AuthenticationDeps, head: CallHead): Caller | Promise<Caller> {
  const { holder, clock, tokens } = deps;
  const peer = head.values.get(peerKey);
  const header = head.requestHeader.get('authorization');
  if (header === null) {
    if (peer.certificate) return callerOfCertificate(holder.current, peer.certificate, clock);
    throw missing();
  }
  const [, scheme = '', text = ''] = /^([\w-]+) +(\S+)$/.exec(header) ?? [];
  switch (scheme.toLowerCase()) {
    case 'bearer':
      if (text.startsWith(KEY_PREFIX)) return callerOfKey(holder.current, text, clock);
      if (!tokens) throw invalidToken('no issuers here');
      return tokens.callerOf(text, peer);
    case 'weir-hmac-sha256':
      return callerOfSignature(deps, head, text);
    default:
      throw unreadable();
  }
}

function callerOfSignature(
  { holder, clock, nonces }: AuthenticationDeps,
  { method, service, requestMethod, values }: CallHead,
  text: string,
): Caller | Promise<Caller> {
  if (!nonces) throw unreadable();
  const call = { method: requestMethod, path: `/${service.typeName}/${method.name}` };
  const signed = verifySignature(holder.current, text, { call, clock });
  values.get(expectBodyKey)(signed.body);
  const used = nonces.use(signed);
  return used ? used.then(() => signed.caller) : signed.caller;
}

/**
 * The caller as they would be let in now, with the attributes that the principal has now; for calls
 * that last. Throws when they would not be let in any more.
 */
export function requireStillValid(
  { holder, clock }: Pick<AuthenticationDeps, 'holder' | 'clock'>,
  caller: Caller,
): Caller {
  const snapshot = holder.current;
  const expired = caller.expireMs !== undefined && caller.expireMs <= clock.wallMs();
  switch (caller.authentication) {
    case 'key': {
      const known = findKey(snapshot, caller.keyId);
      if (!known?.key || !principalOfKey(snapshot, known.key, clock)) throw invalidKey();
      // What a key of a tool group may do changes with the group.
      if (known.key.group) return from(caller.network, callerWith(snapshot, known.key, clock));
      return renewed(snapshot, caller);
    }
    case 'token':
      if (expired || !isIssuerSame(snapshot, caller)) throw invalidToken();
      return renewed(snapshot, caller);
    case 'certificate':
      if (expired || !isCertificateSame(snapshot, caller)) throw unknownCertificate();
      return renewed(snapshot, caller);
    case 'registration': {
      const known = callerOfRegistrar(snapshot, caller.tenant, caller.principal);
      if (!known) throw invalidKey();
      return known;
    }
    default:
      return caller.authentication satisfies never;
  }
}

function renewed({ tenants }: Snapshot, caller: Caller): Caller {
  const { tenant, principal, broughtAttributes } = caller;
  const own = tenants.get(tenant)?.principals.get(principal)?.attributes;
  if (broughtAttributes) return { ...caller, attributes: merged(broughtAttributes, own) };
  const attributes = own ?? noAttributes;
  return attributes === caller.attributes ? caller : { ...caller, attributes };
}

/** The issuer is believed as it was, and the principal was not disabled. */
function isIssuerSame({ credentials, tenants }: Snapshot, caller: Caller): boolean {
  const { tenant, principal, keyId, basis } = caller;
  const issuer = credentials.issuers.get(pairOf(tenant, keyId));
  if (!issuer || tenants.get(tenant)?.principals.get(principal)?.disabled) return false;
  return issuer === basis || (isMessage(basis) && equals(IssuerSchema, issuer, basis as never));
}

function isCertificateSame(snapshot: Snapshot, { tenant, keyId, basis }: Caller): boolean {
  const identity = snapshot.credentials.certificates.get(pairOf(tenant, keyId));
  if (!identity || !principalOfCertificate(snapshot, identity)) return false;
  if (identity === basis) return true;
  return isMessage(basis) && equals(CertificateIdentitySchema, identity, basis as never);
}

function isMessage(basis: object | undefined): basis is object & { $typeName: string } {
  return basis !== undefined && '$typeName' in basis;
}

function missing() {
  return refuse(
    Reason.CREDENTIAL_MISSING,
    'the call carries no credential; send "authorization: Bearer weir_…"',
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
