import type { OutboundFetch } from '@weir/kit';
import type { JSONWebKeySet, JWK } from 'jose';

/** The greatest document of an issuer that is read, in bytes. */
const documentMaxBytes = 256 * 1024;
/** The time for each document. */
const documentMs = 5_000;
/** Keys of one issuer; the others are not looked at. */
const keysMax = 100;
const publicKinds: ReadonlySet<unknown> = new Set(['RSA', 'EC', 'OKP']);
/** An RSA key of more bits, or with a longer exponent, makes each of its tokens cost milliseconds. */
const rsaMaxBits = 8_192;
const rsaExponentMaxBits = 32;

/**
 * Finds where an issuer publishes its keys: by OpenID Connect Discovery 1.0, or else by RFC 8414.
 * Rejects when it says so nowhere, or in the name of another.
 */
export async function findKeySet(fetch: OutboundFetch, issuer: string): Promise<URL> {
  for (const place of placesOf(issuer)) {
    const { status, body } = await get(fetch, place);
    if (status === 404) continue;
    if (status !== 200) throw new Error(`the issuer answered with status ${status}`);
    const document = readJson(body);
    if (document.issuer !== issuer) throw new Error('the document is that of another issuer');
    const keys = URL.parse(String(document.jwks_uri));
    const clear = keys?.protocol === 'http:' && issuer.startsWith('http:');
    if (keys && (keys.protocol === 'https:' || clear)) return keys;
    throw new Error('the document names no https address of keys');
  }
  throw new Error('the issuer has no document that describes it');
}

/** Fetches the keys of an issuer; only public ones are kept. */
export async function fetchKeySet(fetch: OutboundFetch, place: URL): Promise<JSONWebKeySet> {
  const { status, body } = await get(fetch, place);
  if (status !== 200) throw new Error(`the keys were answered with status ${status}`);
  const { keys } = readJson(body);
  if (!Array.isArray(keys)) throw new Error('the key set holds no keys');
  return { keys: keys.slice(0, keysMax).filter(isPublic) };
}

function placesOf(issuer: string): URL[] {
  const plain = issuer.replace(/\/$/, '');
  const oauth = new URL(issuer);
  oauth.pathname = `/.well-known/oauth-authorization-server${oauth.pathname.replace(/\/$/, '')}`;
  return [new URL(`${plain}/.well-known/openid-configuration`), oauth];
}

function get(fetch: OutboundFetch, url: URL): ReturnType<OutboundFetch> {
  return fetch(url, { signal: AbortSignal.timeout(documentMs), maxBytes: documentMaxBytes });
}

function readJson(body: Uint8Array): Record<string, unknown> {
  const value: unknown = JSON.parse(Buffer.from(body).toString('utf8'));
  if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  throw new Error('the document is no object');
}

function isPublic(key: unknown): key is JWK {
  if (typeof key !== 'object' || key === null || !('kty' in key)) return false;
  if (!publicKinds.has(key.kty) || 'd' in key) return false;
  if (key.kty !== 'RSA') return true;
  const [modulus, exponent] = [Reflect.get(key, 'n'), Reflect.get(key, 'e')];
  return bitsOf(modulus) <= rsaMaxBits && bitsOf(exponent) <= rsaExponentMaxBits;
}

/** The bits of a number in base64url (RFC 7518, 6.3.1); of what is no text, too many. */
function bitsOf(value: unknown): number {
  if (typeof value !== 'string') return Number.POSITIVE_INFINITY;
  return Buffer.from(value, 'base64url').length * 8;
}
