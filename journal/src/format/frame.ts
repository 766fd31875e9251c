import { crc32 } from 'node:zlib';
import { BODY_MAX_BYTES, HEADER_BYTES } from './header.ts';

/**
 * How an entry lies in a file: a checksum (4 bytes), the length of header and body together (4 bytes),
 * the header, the body; numbers are big-endian. The checksum is the CRC-32 of IEEE 802.3 over the
 * length and the header; the body is covered by its hash in the header.
 */
export const FRAME_BYTES = 8;

const LENGTH_AT = 4;

/** What was found at a place in a file. */
export type Frame =
  | {
      readonly kind: 'entry';
      readonly header: Buffer;
      readonly body: Buffer;
      /** How many bytes it takes. */
      readonly bytes: number;
    }
  /** The beginning of a frame whose end is not there. */
  | { readonly kind: 'incomplete' }
  /** No frame of ours. */
  | { readonly kind: 'altered'; readonly text: string };

/** The bytes that a frame with a body of so many takes. */
export function frameBytes(bodyBytes: number): number {
  return FRAME_BYTES + HEADER_BYTES + bodyBytes;
}

/** The largest frame, in bytes. */
export const FRAME_MAX_BYTES = frameBytes(BODY_MAX_BYTES);

/** Writes checksum and length before a header that is there already. */
export function writeFrame(out: Buffer, at: number, bodyBytes: number): void {
  out.writeUInt32BE(HEADER_BYTES + bodyBytes, at + LENGTH_AT);
  out.writeUInt32BE(checksum(out, at), at);
}

/** Reads the frame that begins at a place. */
export function readFrame(buffer: Buffer, at: number): Frame {
  const left = buffer.length - at;
  if (left < FRAME_BYTES) return { kind: 'incomplete' };
  const length = buffer.readUInt32BE(at + LENGTH_AT);
  if (length <= HEADER_BYTES || length > HEADER_BYTES + BODY_MAX_BYTES) {
    return { kind: 'altered', text: `there is no frame of ${length} bytes` };
  }
  if (left < FRAME_BYTES + HEADER_BYTES) return { kind: 'incomplete' };
  if (buffer.readUInt32BE(at) !== checksum(buffer, at)) {
    return { kind: 'altered', text: 'the checksum of the frame is wrong' };
  }
  if (left < FRAME_BYTES + length) return { kind: 'incomplete' };
  const headerAt = at + FRAME_BYTES;
  const bodyAt = headerAt + HEADER_BYTES;
  return {
    kind: 'entry',
    header: buffer.subarray(headerAt, bodyAt),
    body: buffer.subarray(bodyAt, headerAt + length),
    bytes: FRAME_BYTES + length,
  };
}

function checksum(buffer: Buffer, at: number): number {
  return crc32(buffer.subarray(at + LENGTH_AT, at + FRAME_BYTES + HEADER_BYTES));
}
