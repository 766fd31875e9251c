import {
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify as verifySignature,
} from 'node:crypto';
import { CHAIN_ID_BYTES, HASH_BYTES, writeUint64 } from './header.ts';

/** What a checkpoint states of a chain. */
export interface Checkpoint {
  /** The chain's id, 32 hexadecimal digits. */
  readonly chain: string;
  /** How many entries it had. */
  readonly length: number;
  /** The hash of the last of them. */
  readonly head: Uint8Array;
  /** Wall time in milliseconds since 1970. */
  readonly timeMs: number;
}

/** The keys of a chain: made when its process starts, never stored. */
export interface ChainKeys {
  readonly privateKey: KeyObject;
  /** Ed25519 (RFC 8032), 32 bytes. */
  readonly publicKey: Uint8Array;
}

/** Parts it from whatever else a key may ever sign. */
const CONTEXT = Buffer.from('weir.audit.v1.Checkpoint\0', 'latin1');

/** Before the 32 bytes of an Ed25519 key in SubjectPublicKeyInfo (RFC 8410). */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');
const PUBLIC_KEY_BYTES = 32;

/**
 * The bytes that are signed: "weir.audit.v1.Checkpoint" and a zero byte, the chain's id (16 bytes),
 * the length (8 bytes), the head (32 bytes), the time in ms (8 bytes); numbers big-endian.
 */
function checkpointBytes({ chain, length, head, timeMs }: Checkpoint): Buffer {
  const out = Buffer.alloc(CONTEXT.length + CHAIN_ID_BYTES + 8 + HASH_BYTES + 8);
  let at = CONTEXT.copy(out, 0);
  at += out.write(chain, at, CHAIN_ID_BYTES, 'hex');
  writeUint64(out, at, length);
  out.set(head, at + 8);
  writeUint64(out, at + 8 + HASH_BYTES, timeMs);
  return out;
}

/** Makes the keys of a chain. */
export function createChainKeys(): ChainKeys {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const spki = publicKey.export({ format: 'der', type: 'spki' });
  return { privateKey, publicKey: spki.subarray(SPKI_PREFIX.length) };
}

/** The signature of a checkpoint, 64 bytes. */
export function signCheckpoint(checkpoint: Checkpoint, privateKey: KeyObject): Buffer {
  return sign(null, checkpointBytes(checkpoint), privateKey);
}

/** Whether a signature is that of a checkpoint with this public key. */
export function verifyCheckpoint(
  checkpoint: Checkpoint,
  publicKey: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (publicKey.byteLength !== PUBLIC_KEY_BYTES) return false;
  if (!isChainId(checkpoint.chain) || checkpoint.head.byteLength !== HASH_BYTES) return false;
  const der = Buffer.concat([SPKI_PREFIX, publicKey]);
  const key = createPublicKey({ key: der, format: 'der', type: 'spki' });
  return verifySignature(null, checkpointBytes(checkpoint), key, signature);
}

/** Whether a text has the form of a chain's id: 32 hexadecimal digits, small letters. */
export function isChainId(text: string): boolean {
  return /^[0-9a-f]{32}$/.test(text);
}
