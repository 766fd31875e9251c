import { hkdfSync } from 'node:crypto';

/** The least length of the secret that the services share. */
export const serviceSecretMinBytes = 32;

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
