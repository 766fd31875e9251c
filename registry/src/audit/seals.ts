import { createHmac, timingSafeEqual } from 'node:crypto';
import { deriveKey } from '@weir/kit';

/** What is sealed: its parts are told apart, and one of another kind has another seal. */
export type Sealed = readonly (string | number | Uint8Array)[];

/** Seals rows, so that who can write to the database, but has no secret, cannot make any. */
export interface Seals {
  seal(kind: string, parts: Sealed): Uint8Array;
  holds(kind: string, parts: Sealed, seal: Uint8Array): boolean;
}

/** Creates seals: HMAC-SHA-256 with a key derived from the secret that the services share. */
export function createSeals(serviceSecret: Uint8Array): Seals {
  const key = deriveKey(serviceSecret, 'weir audit seal v1');
  const seal = (kind: string, parts: Sealed) => {
    const texts = parts.map((part) =>
      typeof part === 'object' ? Buffer.from(part).toString('base64') : part,
    );
    return createHmac('sha256', key)
      .update(JSON.stringify([kind, ...texts]))
      .digest();
  };
  return {
    seal,
    holds(kind, parts, given) {
      const wanted = seal(kind, parts);
      return given.length === wanted.length && timingSafeEqual(given, wanted);
    },
  };
}
