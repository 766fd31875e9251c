import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';

/** Chunks are merged up to this many bytes of bodies. */
export const CHUNK_MAX_BYTES = 256 * 1024;
/** Header rows are merged up to this many bytes of headers. */
export const HEADERS_MAX_BYTES = 128 * 1024;
/** No chunk was ever written that is larger than this: a batch, and what it was merged with. */
const UNPACKED_MAX_BYTES = 16 * 1024 * 1024;

/** What the body of an entry is. */
export const bodyKinds = { call: 1, subject: 2 } as const;
export type BodyKind = (typeof bodyKinds)[keyof typeof bodyKinds];

/** The body of an entry with its place. */
export interface StoredBody {
  readonly position: number;
  readonly kind: BodyKind;
  readonly body: Uint8Array;
}

/**
 * Packs bodies, in the order of their positions: for each the distance to the position before,
 * the kind and the bytes, as varints and length-prefixed bytes, all of it compressed with zstd.
 */
export function packBodies(bodies: readonly StoredBody[]): Uint8Array {
  const writer = new BinaryWriter();
  let before = 0;
  for (const { position, kind, body } of bodies) {
    writer
      .uint64(position - before)
      .uint32(kind)
      .bytes(body);
    before = position;
  }
  return zstdCompressSync(writer.finish());
}

/** Unpacks what `packBodies` packed. Throws when somebody altered it. */
export function unpackBodies(packed: Uint8Array): StoredBody[] {
  const reader = new BinaryReader(unpack(packed));
  const bodies: StoredBody[] = [];
  let position = 0;
  while (reader.pos < reader.len) {
    position += Number(reader.uint64());
    bodies.push({ position, kind: kindOf(reader.uint32()), body: reader.bytes() });
  }
  return bodies;
}

/** A header, with its body when that is part of the chain's own proof: a link or a checkpoint. */
export interface StoredHeader {
  readonly header: Uint8Array;
  /** Empty: it is no link and no checkpoint. */
  readonly body: Uint8Array;
}

/** Packs headers of entries that follow each other: each length-prefixed, then its body. */
export function packHeaders(headers: readonly StoredHeader[]): Uint8Array {
  const writer = new BinaryWriter();
  for (const { header, body } of headers) writer.bytes(header).bytes(body);
  return zstdCompressSync(writer.finish());
}

/** Unpacks what `packHeaders` packed. Throws when somebody altered it. */
export function unpackHeaders(packed: Uint8Array): StoredHeader[] {
  const reader = new BinaryReader(unpack(packed));
  const headers: StoredHeader[] = [];
  while (reader.pos < reader.len) headers.push({ header: reader.bytes(), body: reader.bytes() });
  return headers;
}

/** The bytes that headers count for. */
export function headersSize(headers: readonly StoredHeader[]): number {
  return headers.reduce((sum, { header, body }) => sum + header.length + body.length, 0);
}

function unpack(packed: Uint8Array): Uint8Array {
  return zstdDecompressSync(packed, { maxOutputLength: UNPACKED_MAX_BYTES });
}

function kindOf(value: number): BodyKind {
  return value === bodyKinds.subject ? bodyKinds.subject : bodyKinds.call;
}
