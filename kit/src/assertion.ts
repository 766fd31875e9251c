import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { type Scope, ScopeSchema } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { type JWTPayload, jwtVerify, SignJWT } from 'jose';
import type { Caller } from './caller.ts';
import { refuse } from './errors.ts';
import { checkServiceSecret } from './service-secret.ts';

const algorithm = 'HS256';
const issuer = 'weir';
const audience = 'weir-registry';
const type = 'weir-assertion+jwt';
const lifetimeS = 30;
const clockToleranceS = 5;
const servicePrefix = 'service:';

/** Who a router says is calling: itself, or a caller whose call it forwards. */
export type Assertion =
  | { readonly kind: 'service'; readonly name: string }
  | { readonly kind: 'caller'; readonly caller: Caller };

/** Signs and verifies assertions. */
export interface Assertions {
  /** Signs an assertion that holds for 30 s. The attributes of a caller are left out. */
  sign(assertion: Assertion): Promise<string>;
  /** Verifies an assertion. Throws CREDENTIAL_INVALID. */
  verify(token: string): Promise<Assertion>;
}

/** Opens the assertions of an installation. The secret has at least 32 bytes. */
export function createAssertions(serviceSecret: Uint8Array): Assertions {
  checkServiceSecret(serviceSecret);
  return {
    sign: (assertion) =>
      new SignJWT(claimsOf(assertion))
        .setProtectedHeader({ alg: algorithm, typ: type })
        .setIssuer(issuer)
        .setAudience(audience)
        .setIssuedAt()
        .setExpirationTime(`${lifetimeS}s`)
        .sign(serviceSecret),
    verify: async (token) => readClaims(await verifyToken(token, serviceSecret)),
  };
}

async function verifyToken(token: string, secret: Uint8Array): Promise<JWTPayload> {
  try {
    const options = {
      algorithms: [algorithm],
      issuer,
      audience,
      typ: type,
      clockTolerance: clockToleranceS,
      requiredClaims: ['sub', 'exp'],
    };
    return (await jwtVerify(token, secret, options)).payload;
  } catch (cause) {
    throw refuse(
      Reason.CREDENTIAL_INVALID,
      'the service assertion is not valid; check that both services share one secret and time',
      { cause },
    );
  }
}

function claimsOf(assertion: Assertion): JWTPayload {
  if (assertion.kind === 'service') return { sub: servicePrefix + assertion.name };
  const { tenant, principal, consumer, keyId, scopes } = assertion.caller;
  const { authentication, permits, network } = assertion.caller;
  return {
    ...{ sub: 'principal', tenant, principal, consumer, key_id: keyId, scopes: [...scopes] },
    ...{ authentication, permits, network },
  };
}

function readClaims(claims: JWTPayload): Assertion {
  if (claims.sub?.startsWith(servicePrefix) === true) {
    return { kind: 'service', name: claims.sub.slice(servicePrefix.length) };
  }
  if (claims.sub !== 'principal') throw unreadable('sub');
  return {
    kind: 'caller',
    caller: {
      tenant: textClaim(claims, 'tenant'),
      principal: textClaim(claims, 'principal'),
      consumer: textClaim(claims, 'consumer'),
      keyId: textClaim(claims, 'key_id'),
      scopes: scopesClaim(claims),
      authentication: authenticationClaim(claims),
      permits: permitsClaim(claims),
      network: textClaim(claims, 'network'),
      attributes: {},
    },
  };
}

function textClaim(claims: JWTPayload, name: string): string {
  const value = claims[name];
  if (typeof value !== 'string') throw unreadable(name);
  return value;
}

function scopesClaim(claims: JWTPayload): ReadonlySet<Scope> {
  const { scopes } = claims;
  if (!Array.isArray(scopes)) throw unreadable('scopes');
  return new Set(scopes.filter(isScope));
}

function authenticationClaim({ authentication }: JWTPayload): Caller['authentication'] {
  if (authentication === 'key' || authentication === 'token' || authentication === 'certificate') {
    return authentication;
  }
  throw unreadable('authentication');
}

function permitsClaim({ permits }: JWTPayload): readonly string[] {
  if (!Array.isArray(permits) || permits.some((permit) => typeof permit !== 'string')) {
    throw unreadable('permits');
  }
  return permits;
}

function isScope(value: unknown): value is Scope {
  return ScopeSchema.values.some((known) => known.number === value);
}

function unreadable(claim: string) {
  return refuse(
    Reason.CREDENTIAL_INVALID,
    `the service assertion has no readable claim "${claim}"`,
  );
}
