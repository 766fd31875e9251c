import { hash } from 'node:crypto';
import type { Caller, Clock, Peer } from '@weir/kit';
import type { Issuer, Principal } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { errors, type JWTPayload, jwtVerify } from 'jose';
import { LRUCache } from 'lru-cache';
import { pairOf } from '../snapshot/credentials.ts';
import type { SnapshotHolder } from '../snapshot/holder.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import { attributesIn, grantedBy, merged, principalIn } from './claims.ts';
import { isPlainKeyId, readToken, type UnverifiedToken } from './jwt.ts';
import type { KeySet, KeySets } from './key-sets.ts';
import { invalidToken } from './refusals.ts';
import { createVerifying, tooMany } from './verifying.ts';
import { weigh } from './weight.ts';

/** Lets the holders of tokens in. */
export interface Tokens {
  /**
   * The caller that a token stands for: at once when the token was seen before. Throws or rejects
   * with CREDENTIAL_INVALID, or ISSUER_UNAVAILABLE when it cannot be verified now.
   */
  callerOf(text: string, peer: Peer): Caller | Promise<Caller>;
}

/** What tokens need. */
export interface TokensDeps {
  readonly holder: SnapshotHolder;
  readonly clock: Clock;
  readonly keySets: KeySets;
}

/** How far the clocks of issuers may differ from ours. */
const clockToleranceS = 5;
/** Algorithms of issuers that name none. */
const algorithmsDefault: readonly string[] = ['RS256', 'PS256', 'ES256', 'EdDSA'];
/** Verified tokens that are kept, until they expire; and ones whose signature is wrong. */
const tokensMax = 10_000;
/** What the attributes of verified tokens may take of memory, in bytes, about. */
const tokensMaxBytes = 64 * 1024 * 1024;
/** How long a token whose signature is wrong is refused without looking again. */
const wrongMs = 30_000;
/** How often a token is verified when all that it is judged by changes meanwhile. */
const triesMax = 3;

/** A verified token. */
interface Held {
  readonly issuer: Issuer;
  readonly principal: Principal | undefined;
  readonly caller: Caller;
  readonly expireMs: number;
  /** What it takes of memory, about. */
  readonly bytes: number;
  /** The certificate that it may be used with (RFC 8705); undefined: any, or none. */
  readonly boundTo: string | undefined;
}

/** Creates what lets tokens in; verified ones are remembered by their SHA-256. */
export function createTokens(deps: TokensDeps): Tokens {
  const { holder, clock } = deps;
  const verified = new LRUCache<string, Held>({
    max: tokensMax,
    maxSize: tokensMaxBytes,
    sizeCalculation: ({ bytes }) => bytes,
  });
  const wrong = new LRUCache<string, number>({ max: tokensMax });
  const verifying = createVerifying<Held>();
  const verifyOnce = (id: string, text: string): Promise<Held> =>
    verifying.of(id) ?? begin(id, expected(holder.current, text), text);
  const begin = (id: string, what: Expected, text: string) =>
    verifying.begin(id, what.issuer.tenant, () =>
      verify(deps, text, what).then(
        (held) => {
          verified.set(id, held);
          return held;
        },
        (error: unknown) => {
          if (!(error instanceof WrongSignature)) throw error;
          wrong.set(id, clock.monotonicMs() + wrongMs);
          throw invalidToken(error);
        },
      ),
    );
  const verifyAndAdmit = async (id: string, text: string, peer: Peer) => {
    for (let tries = 0; tries < triesMax; tries++) {
      const held = await verifyOnce(id, text);
      // Meanwhile its issuer may be believed no more, or otherwise.
      if (isCurrent(holder.current, held)) return admit(held, peer, clock);
    }
    throw tooMany();
  };
  return {
    callerOf(text, peer) {
      const id = hash('sha256', text, 'base64url');
      const held = verified.get(id);
      if (held && isCurrent(holder.current, held)) return admit(held, peer, clock);
      if ((wrong.get(id) ?? 0) > clock.monotonicMs()) throw invalidToken('wrong signature, again');
      return verifyAndAdmit(id, text, peer);
    },
  };
}

class WrongSignature extends Error {
  override readonly name = 'WrongSignature';
}

/** Whether what a caller was made of is still what the registry says. */
function isCurrent(
  { credentials, tenants }: Snapshot,
  { issuer, principal, caller }: Held,
): boolean {
  if (credentials.issuers.get(pairOf(issuer.tenant, issuer.name)) !== issuer) return false;
  return tenants.get(issuer.tenant)?.principals.get(caller.principal) === principal;
}

function admit({ caller, expireMs, boundTo }: Held, { certificate }: Peer, clock: Clock): Caller {
  if (expireMs <= clock.wallMs()) throw invalidToken('expired');
  if (boundTo !== undefined && certificate?.thumbprint !== boundTo) throw invalidToken('bound');
  return caller;
}

/** What a token has to hold up to, by its own words. Throws CREDENTIAL_INVALID. */
function expected(snapshot: Snapshot, text: string): Expected {
  const token = readToken(text);
  const issuer = issuerOf(snapshot, token);
  const algorithms = issuer.algorithms.length > 0 ? issuer.algorithms : [...algorithmsDefault];
  if (!algorithms.includes(token.algorithm)) throw invalidToken('algorithm');
  return { token, issuer, algorithms };
}

async function verify(deps: TokensDeps, text: string, what: Expected): Promise<Held> {
  const claims = await verifiedClaims(deps, text, what);
  return held(deps.holder.current, what.issuer, claims);
}

/** The one issuer that the token's own words lead to, without anything being fetched. */
function issuerOf({ credentials }: Snapshot, { issuer, audiences }: UnverifiedToken): Issuer {
  const found = new Set<Issuer>();
  for (const audience of audiences) {
    const known = credentials.issuersByAudience.get(pairOf(issuer, audience));
    if (known) found.add(known);
  }
  const [only] = found;
  if (only && found.size === 1) return only;
  throw invalidToken(found.size === 0 ? 'unknown issuer or audience' : 'several tenants');
}

interface Expected {
  readonly token: UnverifiedToken;
  readonly issuer: Issuer;
  readonly algorithms: string[];
}

async function verifiedClaims(
  { keySets, clock }: TokensDeps,
  text: string,
  { token, issuer, algorithms }: Expected,
): Promise<JWTPayload> {
  const verifyWith = async (keys: KeySet) => {
    const options = {
      ...{ algorithms, issuer: issuer.url, audience: issuer.audiences },
      ...{ clockTolerance: clockToleranceS, requiredClaims: ['exp'] },
      currentDate: new Date(clock.wallMs()),
    };
    return (await jwtVerify(text, keys, options)).payload;
  };
  const keys = await keySets.keysOf(issuer.url);
  try {
    return await verifyWith(keys).catch(async (error: unknown) => {
      const unknownKey = error instanceof errors.JWKSNoMatchingKey && isPlainKeyId(token.keyId);
      const newer = unknownKey ? await keySets.newerThan(issuer.url, keys) : undefined;
      if (!newer) throw error;
      return verifyWith(newer);
    });
  } catch (error) {
    if (error instanceof errors.JWSSignatureVerificationFailed) throw new WrongSignature();
    // The error itself holds the claims, which belong into no log.
    throw invalidToken(error instanceof errors.JOSEError ? error.code : 'unreadable');
  }
}

/** The caller, with the attributes of the registry before those of the token. */
function held(snapshot: Snapshot, issuer: Issuer, claims: JWTPayload): Held {
  const name = principalIn(claims, issuer);
  const principal = snapshot.tenants.get(issuer.tenant)?.principals.get(name);
  if (principal?.disabled) throw invalidToken('disabled');
  const brought = attributesIn(claims, issuer);
  const expireMs = ((claims.exp ?? 0) + clockToleranceS) * 1000;
  const attributes = merged(brought, principal?.attributes);
  const caller: Caller = {
    tenant: issuer.tenant,
    principal: name,
    consumer: issuer.consumer,
    keyId: issuer.name,
    authentication: 'token',
    network: '',
    ...grantedBy(claims, issuer),
    attributes,
    broughtAttributes: brought,
    expireMs,
    basis: issuer,
  };
  const { bytes } = weigh(attributes);
  return { issuer, principal, caller, expireMs, bytes, boundTo: bindingOf(claims) };
}

/** A token that is bound to something else than a certificate is no bearer token for us. */
function bindingOf({ cnf }: JWTPayload): string | undefined {
  if (cnf === undefined) return undefined;
  const thumbprint = typeof cnf === 'object' && cnf !== null && Reflect.get(cnf, 'x5t#S256');
  if (typeof thumbprint === 'string') return thumbprint;
  throw invalidToken('bound to what we cannot check');
}
