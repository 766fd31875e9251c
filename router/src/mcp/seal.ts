import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { deriveKey } from '@weir/kit';

const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Seals what routers leave for each other where others may look, or write. */
export interface Seal {
  seal(plain: Uint8Array, place: string): Uint8Array<ArrayBuffer>;
  /** Undefined: it is none of ours, or of another place. */
  open(sealed: Uint8Array, place: string): Uint8Array | undefined;
}

/** Opens the seal of an installation, with a key of its secret for the purpose. */
export function createSeal(serviceSecret: Uint8Array, purpose: string): Seal {
  const key = deriveKey(serviceSecret, purpose);
  return {
    seal(plain, place) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv(CIPHER, key, nonce).setAAD(Buffer.from(place));
      const sealed = [nonce, cipher.update(plain), cipher.final()];
      return new Uint8Array(Buffer.concat([...sealed, cipher.getAuthTag()]));
    },
    open(sealed, place) {
      if (sealed.length < NONCE_BYTES + TAG_BYTES) return undefined;
      const end = sealed.length - TAG_BYTES;
      try {
        const decipher = createDecipheriv(CIPHER, key, sealed.subarray(0, NONCE_BYTES))
          .setAAD(Buffer.from(place))
          .setAuthTag(sealed.subarray(end));
        return Buffer.concat([
          decipher.update(sealed.subarray(NONCE_BYTES, end)),
          decipher.final(),
        ]);
      } catch {
        return undefined;
      }
    },
  };
}
