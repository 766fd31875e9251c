import { open } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { type Chain, ChainSchema } from '@weir/sdk/gen/weir/audit/v1/journal_pb';
import { HASH_BYTES, readUint64, writeUint64 } from './header.ts';

/**
 * What stands in the first 4096 bytes of a segment file: "WEIRJNL1" (8 bytes), the position of the
 * first entry (8 bytes), the hash of the entry before (32 bytes), the length of the chain (4
 * bytes), the encoded Chain, zeros, and in the last 4 bytes the CRC-32 of all of this; numbers are
 * big-endian. Frames follow, up to the end.
 */
export interface SegmentStart {
  readonly chain: Chain;
  /** The position of the first entry. */
  readonly first: number;
  /** The hash of the entry before it. */
  readonly head: Uint8Array;
}

/** What the start of a segment takes; always the same, so that one cut short can be told. */
export const SEGMENT_START_BYTES = 4096;

const MAGIC = Buffer.from('WEIRJNL1', 'latin1');
const FIRST_AT = MAGIC.length;
const HEAD_AT = FIRST_AT + 8;
const LENGTH_AT = HEAD_AT + HASH_BYTES;
const CHAIN_AT = LENGTH_AT + 4;
const CHECKSUM_AT = SEGMENT_START_BYTES - 4;

/** The longest encoded Chain, in bytes. */
const CHAIN_MAX_BYTES = CHECKSUM_AT - CHAIN_AT;

/** The name of the file of a segment: the position of its first entry, of 16 digits, and ".seg". */
export function segmentName(first: number): string {
  return `${String(first).padStart(16, '0')}.seg`;
}

/** The position that the name of a segment file tells; undefined: it is no segment. */
export function segmentFirst(name: string): number | undefined {
  const [, digits] = /^(\d{16})\.seg$/.exec(name) ?? [];
  return digits === undefined ? undefined : Number(digits);
}

/** The beginning of a segment file. */
export function encodeSegmentStart({ chain, first, head }: SegmentStart): Buffer {
  const encoded = toBinary(ChainSchema, chain);
  if (encoded.length > CHAIN_MAX_BYTES) throw new RangeError('the chain is too long to be written');
  const out = Buffer.alloc(SEGMENT_START_BYTES);
  MAGIC.copy(out);
  writeUint64(out, FIRST_AT, first);
  out.set(head, HEAD_AT);
  out.writeUInt32BE(encoded.length, LENGTH_AT);
  out.set(encoded, CHAIN_AT);
  out.writeUInt32BE(crc32(out.subarray(0, CHECKSUM_AT)), CHECKSUM_AT);
  return out;
}

/** Reads the beginning of the file of a segment, and no more of it; see `decodeSegmentStart`. */
export async function readSegmentStart(path: string): Promise<SegmentStart | undefined> {
  await using file = await open(path, 'r');
  const { buffer } = await file.read(Buffer.alloc(SEGMENT_START_BYTES), 0, SEGMENT_START_BYTES, 0);
  return decodeSegmentStart(buffer);
}

/** Decodes the beginning of a segment file. Undefined: it is none of ours, or was altered. */
export function decodeSegmentStart(file: Buffer): SegmentStart | undefined {
  if (file.length < SEGMENT_START_BYTES || !file.subarray(0, FIRST_AT).equals(MAGIC)) {
    return undefined;
  }
  if (file.readUInt32BE(CHECKSUM_AT) !== crc32(file.subarray(0, CHECKSUM_AT))) return undefined;
  try {
    const chainBytes = file.readUInt32BE(LENGTH_AT);
    return {
      chain: fromBinary(ChainSchema, file.subarray(CHAIN_AT, CHAIN_AT + chainBytes)),
      first: readUint64(file, FIRST_AT),
      head: file.subarray(HEAD_AT, LENGTH_AT),
    };
  } catch {
    return undefined;
  }
}
