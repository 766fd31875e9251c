import { hkdfSync } from 'node:crypto';

/** The least length of the secret that the services share. */
export const serviceSecretMinBytes = 32;

/** Random texts of that length have more; words and their repetitions have fewer. */
const distinctBytesMin = 10;

/**
 * Whether a secret is long and yet none: it has few letters, or repeats itself, as defaults and
 * examples do.
 */
export function looksGuessable(secret: Uint8Array): boolean {
  const text = Buffer.from(secret).toString('latin1');
  return new Set(text).size < distinctBytesMin || /^(.{1,32}?)\1+$/s.test(text);
}

/** Throws unless the secret is long enough to sign with. */
export function checkServiceSecret(secret: Uint8Array): void {
  if (secret.length >= serviceSecretMinBytes) return;
  throw new Error(
    `the service secret has ${secret.length} bytes; it needs at least ${serviceSecretMinBytes}`,
  );
}

/** Derives a key for one purpose from the service secret. */
export function deriveKey(secret: Uint8Array, purpose: string): Uint8Array {
  checkServiceSecret(secret);
  return new Uint8Array(hkdfSync('sha256', secret, new Uint8Array(), purpose, 32));
}
