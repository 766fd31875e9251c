import { Buffer } from 'node:buffer';
import { invalidToken } from './refusals.ts';

/** What a token says, before anything of it is verified. */
export interface UnverifiedToken {
  readonly algorithm: string;
  /** The name of the key; undefined: it names none. */
  readonly keyId: string | undefined;
  readonly issuer: string;
  readonly audiences: readonly string[];
}

/** Names of keys that can be one: nothing is fetched for the sake of another. */
const keyIdPattern = /^[A-Za-z0-9_-][A-Za-z0-9_.~=+:@-]{0,255}$/;
/** Where a header would take its own key from; and what would have to be understood. */
const forbiddenHeaders = ['jku', 'jwk', 'x5u', 'x5c', 'crit', 'b64', 'zip'];
/** Access tokens (RFC 9068), and those of the many issuers that say no more than JWT. */
const types: ReadonlySet<unknown> = new Set(['at+jwt', 'application/at+jwt', 'jwt', undefined]);
/** Of these an access token holds none; ID tokens and tokens of logout do. */
const foreignClaims = ['nonce', 'at_hash', 'c_hash', 's_hash', 'events'];
/** What Keycloak calls its tokens that are no access tokens. */
const foreignKinds: ReadonlySet<unknown> = new Set(['ID', 'Refresh', 'Offline', 'Logout']);
const audiencesMax = 32;

/**
 * Reads a token and refuses what cannot be an access token for us, without asking anybody. Throws
 * CREDENTIAL_INVALID.
 */
export function readToken(text: string): UnverifiedToken {
  const [head, body, signature, more] = text.split('.');
  if (!head || !body || !signature || more !== undefined) throw invalidToken('not a signed JWT');
  const header = readPart(head);
  const claims = readPart(body);
  if (forbiddenHeaders.some((name) => name in header)) throw invalidToken('forbidden header');
  const { alg, kid, typ } = header;
  if (typeof alg !== 'string') throw invalidToken('no algorithm');
  if (kid !== undefined && typeof kid !== 'string') throw invalidToken('kid is no text');
  if (!types.has(typeof typ === 'string' ? typ.toLowerCase() : typ)) throw invalidToken('typ');
  if (foreignClaims.some((name) => name in claims) || foreignKinds.has(claims.typ)) {
    throw invalidToken('not an access token');
  }
  const { iss, aud } = claims;
  const audiences = (Array.isArray(aud) ? aud : [aud]).filter((one) => typeof one === 'string');
  if (typeof iss !== 'string' || audiences.length > audiencesMax) throw invalidToken('iss or aud');
  return { algorithm: alg, keyId: kid, issuer: iss, audiences };
}

/** Whether a key of such a name may be looked for at the issuer. */
export function isPlainKeyId(keyId: string | undefined): boolean {
  return keyId !== undefined && keyIdPattern.test(keyId) && !keyId.includes('..');
}

function readPart(part: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return value as Record<string, unknown>;
    }
  } catch {
    // Said below.
  }
  throw invalidToken('not JSON');
}
