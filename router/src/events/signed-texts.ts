import { createHmac, createSecretKey, timingSafeEqual } from 'node:crypto';
import { deriveKey } from '@weir/kit';

const TEXT_MAX_CHARS = 1_024;
const MAC_BYTES = 16;

/** Texts that callers keep for us and cannot change. */
export interface SignedTexts {
  write(parts: readonly string[]): string;
  /** The parts as they were written; undefined when the text is not one of ours. */
  read(text: string): readonly string[] | undefined;
}

/** Opens the signed texts of an installation, with a key of its secret for each purpose. */
export function createSignedTexts(serviceSecret: Uint8Array, purpose: string): SignedTexts {
  // Made into a key of the library's once: that takes several times as long as to sign.
  const key = createSecretKey(deriveKey(serviceSecret, purpose));
  const sign = (payload: string) =>
    createHmac('sha256', key).update(payload).digest().subarray(0, MAC_BYTES);
  return {
    write(parts) {
      const payload = Buffer.from(JSON.stringify(parts)).toString('base64url');
      return `${payload}.${sign(payload).toString('base64url')}`;
    },
    read(text) {
      const [payload = '', mac = '', ...rest] =
        text.length <= TEXT_MAX_CHARS ? text.split('.') : [];
      const given = Buffer.from(mac, 'base64url');
      const isOurs =
        rest.length === 0 && given.length === MAC_BYTES && timingSafeEqual(given, sign(payload));
      return isOurs ? JSON.parse(Buffer.from(payload, 'base64url').toString()) : undefined;
    },
  };
}
