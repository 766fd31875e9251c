import { hash, randomBytes, timingSafeEqual } from 'node:crypto';

const idBytes = 8;
const secretBytes = 32;
const pattern = /^weir_([a-z0-9]{16})_([A-Za-z0-9_-]{43})$/;

/** A new API key. Only `text` holds the secret: show it once, and keep the hash. */
export interface MintedApiKey {
  /** What the caller sends: `weir_<id>_<secret>`. */
  readonly text: string;
  /** The id, by which the key is found. */
  readonly id: string;
  /** SHA-256 of the secret part as text. */
  readonly secretHash: Uint8Array;
}

/** Mints a random API key with 256 bits of secret. */
export function mintApiKey(): MintedApiKey {
  const id = randomBytes(idBytes).toString('hex');
  const secret = randomBytes(secretBytes).toString('base64url');
  return { text: `weir_${id}_${secret}`, id, secretHash: hashOf(secret) };
}

/** Splits an API key, or says undefined when the text is not formed like one. */
export function parseApiKey(text: string): { id: string; secret: string } | undefined {
  const [, id, secret] = pattern.exec(text) ?? [];
  return id === undefined || secret === undefined ? undefined : { id, secret };
}

/** Whether a secret is the one that was hashed, compared in constant time. */
export function secretMatches(known: Uint8Array, secret: string): boolean {
  const given = hashOf(secret);
  return known.length === given.length && timingSafeEqual(known, given);
}

function hashOf(secret: string): Uint8Array {
  return new Uint8Array(hash('sha256', secret, 'buffer'));
}
