/**
 * The header of an entry, 64 bytes; numbers are big-endian. The chain hashes headers, and a header
 * holds the hash of its body, so that a body can be dropped and the chain still verifies. Written
 * down in docs/audit-format.md.
 *
 * | bytes | what |
 * |---|---|
 * | 0 | version of the format, 1 |
 * | 1 | kind of the entry |
 * | 2 to 3 | zero |
 * | 4 to 7 | length of the body in bytes |
 * | 8 to 15 | position in the chain, from 0 |
 * | 16 to 23 | wall time in milliseconds since 1970 |
 * | 24 to 55 | SHA-256 of the body |
 * | 56 to 63 | tie: the first 8 bytes of the hash of the entry before; of the first entry, zeros |
 */
export const HEADER_BYTES = 64;

/** The version of the format that this code writes and reads. */
export const FORMAT_VERSION = 1;

/** The length of a hash (SHA-256), in bytes. */
export const HASH_BYTES = 32;

/** The length of a chain's id, in bytes; as text it is twice as many hexadecimal digits. */
export const CHAIN_ID_BYTES = 16;

/** The largest body of an entry, in bytes: a longer record is split into parts. */
export const BODY_MAX_BYTES = 256 * 1024;

/** What an entry is; the number stands in its header. */
export const entryKinds = {
  /** The first entry of a chain. Its body is a Chain: who writes it, and the chain before. */
  link: 1,
  /** A call. Its body is a CallRecord. */
  call: 2,
  /** The attributes of a subject. Its body is a SubjectRecord. */
  subject: 3,
  /** A signed statement of what the chain was until here. Its body is an AnchorHeadRequest. */
  checkpoint: 4,
} as const;

/** The name of a kind of entry. */
export type EntryKind = keyof typeof entryKinds;

/** A header, read. */
export interface Header {
  readonly kind: EntryKind;
  /** From 0. */
  readonly position: number;
  /** Wall time in milliseconds since 1970. */
  readonly timeMs: number;
  /** Of the body, in bytes. */
  readonly bodyBytes: number;
  /** SHA-256 of the body. */
  readonly bodyHash: Uint8Array;
  /** The first 8 bytes of the hash of the entry before. */
  readonly tie: Uint8Array;
}

/** Where the fields of a header begin. */
export const headerOffsets = {
  kind: 1,
  zero: 2,
  bodyBytes: 4,
  position: 8,
  timeMs: 16,
  bodyHash: 24,
  tie: 56,
} as const;

const HIGH = 2 ** 32;

const kindsByNumber: ReadonlyMap<number, EntryKind> = new Map(
  Object.entries(entryKinds).map(([name, number]) => [number, name as EntryKind]),
);

/**
 * Writes all of a header but its hashes: `bodyHash` and `tie` are the writer's to fill in. It takes
 * its parts one by one, since it runs for every call.
 */
export function writeHeader(
  out: Buffer,
  at: number,
  kind: EntryKind,
  position: number,
  timeMs: number,
  bodyBytes: number,
): void {
  out[at] = FORMAT_VERSION;
  out[at + headerOffsets.kind] = entryKinds[kind];
  out.writeUInt16BE(0, at + headerOffsets.zero);
  out.writeUInt32BE(bodyBytes, at + headerOffsets.bodyBytes);
  writeUint64(out, at + headerOffsets.position, position);
  writeUint64(out, at + headerOffsets.timeMs, timeMs);
}

/** Reads a header. Throws a RangeError that says what is wrong with it. */
export function readHeader(bytes: Uint8Array): Header {
  if (bytes.byteLength !== HEADER_BYTES) {
    throw new RangeError(`the header has ${bytes.byteLength} bytes, not ${HEADER_BYTES}`);
  }
  const buffer = bufferOf(bytes);
  if (buffer[0] !== FORMAT_VERSION) {
    throw new RangeError(`the header is of version ${buffer[0]}, not ${FORMAT_VERSION}`);
  }
  const kind = kindsByNumber.get(buffer[headerOffsets.kind] ?? 0);
  if (kind === undefined || buffer.readUInt16BE(headerOffsets.zero) !== 0) {
    throw new RangeError('the header is of no known kind');
  }
  const bodyBytes = buffer.readUInt32BE(headerOffsets.bodyBytes);
  if (bodyBytes === 0 || bodyBytes > BODY_MAX_BYTES) {
    throw new RangeError(`the header tells a body of ${bodyBytes} bytes`);
  }
  return {
    kind,
    bodyBytes,
    position: readUint64(buffer, headerOffsets.position),
    timeMs: readUint64(buffer, headerOffsets.timeMs),
    bodyHash: buffer.subarray(headerOffsets.bodyHash, headerOffsets.tie),
    tie: buffer.subarray(headerOffsets.tie),
  };
}

/** Writes a whole number up to 2^53 in 8 bytes, without the garbage of a bigint. */
export function writeUint64(out: Buffer, at: number, value: number): void {
  out.writeUInt32BE(Math.floor(value / HIGH), at);
  out.writeUInt32BE(value % HIGH, at + 4);
}

/** Reads a whole number of 8 bytes. Throws a RangeError beyond 2^53. */
export function readUint64(bytes: Buffer, at: number): number {
  const value = bytes.readUInt32BE(at) * HIGH + bytes.readUInt32BE(at + 4);
  if (!Number.isSafeInteger(value)) throw new RangeError('a number of the header is too large');
  return value;
}

/** The same bytes as a Buffer. */
export function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
