import { hash } from 'node:crypto';
import { HASH_BYTES, HEADER_BYTES, headerOffsets } from './header.ts';

/** What stands for the hash before the first entry of a chain: zeros. */
export const genesis: Uint8Array = new Uint8Array(HASH_BYTES);

/** How many bytes of the hash before stand in a header. */
export const TIE_BYTES = HEADER_BYTES - headerOffsets.tie;

/** The hash of an entry: SHA-256(hash of the entry before + header). 32 bytes. */
export function hashEntry(previous: Uint8Array, header: Uint8Array): Buffer {
  return hash('sha256', Buffer.concat([previous, header], HASH_BYTES + HEADER_BYTES), 'buffer');
}

/** The hash of a body: SHA-256. 32 bytes. */
export function hashBody(body: Uint8Array): Buffer {
  return hash('sha256', body, 'buffer');
}
