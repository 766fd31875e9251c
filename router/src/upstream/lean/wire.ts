import { isAscii } from 'node:buffer';

/** Bytes that are no message of protobuf, or one that means nothing sure. */
export class MalformedBytes extends Error {
  override readonly name = 'MalformedBytes';
}

/** How a field lies on the wire. */
export const WireType = { varint: 0, bit64: 1, delimited: 2, startGroup: 3, endGroup: 4, bit32: 5 };

/** How deep what is unknown may nest. */
const GROUPS_MAX = 32;
/** Texts up to this length are looked through byte by byte. */
const SHORT_TEXT_BYTES = 64;
const VARINT_MAX_BYTES = 10;
const TAG_MAX_BYTES = 5;
/** What the last byte of a tag of five bytes may hold of its 32 bits. */
const TAG_LAST_MAX = 0x0f;
const MAX_TAG_TYPE = 5;

const strictText = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Reads what protobuf is made of, from one message. Every read stays before `end`, which is the
 * end of the submessage that is being read: one that reaches beyond its parent is malformed.
 */
export class WireReader {
  readonly bytes: Buffer;
  pos = 0;
  end: number;
  /** Of the last tag that was read. */
  field = 0;
  type = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
    this.end = bytes.length;
  }

  /** Reads a tag; false at the end of the message. */
  next(): boolean {
    if (this.pos >= this.end) return false;
    const first = this.bytes[this.pos] as number;
    // The fields up to 15 have tags of one byte.
    if (first < 0x80) {
      this.pos++;
      this.take(first);
      return true;
    }
    const start = this.pos;
    const tag = this.uint32();
    const length = this.pos - start;
    if (
      length > TAG_MAX_BYTES ||
      (length === TAG_MAX_BYTES && (this.bytes[this.pos - 1] as number) > TAG_LAST_MAX)
    ) {
      throw new MalformedBytes('a tag is too large');
    }
    this.take(tag);
    return true;
  }

  private take(tag: number): void {
    this.field = tag >>> 3;
    this.type = tag & 7;
    if (this.field === 0 || this.type > MAX_TAG_TYPE) throw new MalformedBytes('a tag is wrong');
  }

  /** Refuses the field when it does not lie on the wire as its type does. */
  expect(type: number): void {
    if (this.type !== type) throw new MalformedBytes('a field has another wire type');
  }

  /** The low 32 bits of a varint. */
  uint32(): number {
    const { bytes, end } = this;
    let { pos } = this;
    let value = 0;
    for (let shift = 0; shift < VARINT_MAX_BYTES * 7; shift += 7) {
      if (pos >= end) throw new MalformedBytes('it ends too soon');
      const byte = bytes[pos++] as number;
      if (shift < 32) value |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        this.pos = pos;
        return value >>> 0;
      }
    }
    throw new MalformedBytes('a varint is too long');
  }

  int32(): number {
    return this.uint32() | 0;
  }

  int64(): bigint {
    return BigInt.asIntN(64, this.varint64());
  }

  uint64(): bigint {
    return BigInt.asUintN(64, this.varint64());
  }

  private varint64(): bigint {
    const first = this.bytes[this.pos] as number;
    if (this.pos < this.end && first < 0x80) {
      this.pos++;
      return BigInt(first);
    }
    let low = 0;
    let high = 0n;
    for (let count = 0; count < VARINT_MAX_BYTES; count++) {
      if (this.pos >= this.end) throw new MalformedBytes('it ends too soon');
      const byte = this.bytes[this.pos++] as number;
      // Up to 2^49 a number is exact.
      if (count < 7) low += (byte & 0x7f) * 2 ** (7 * count);
      else high |= BigInt(byte & 0x7f) << BigInt(7 * count);
      if (byte < 0x80) return BigInt(low) | high;
    }
    throw new MalformedBytes('a varint is too long');
  }

  double(): number {
    if (this.pos + 8 > this.end) throw new MalformedBytes('it ends too soon');
    const value = this.bytes.readDoubleLE(this.pos);
    this.pos += 8;
    return value;
  }

  /** The length of what follows, all of which is there. */
  length(): number {
    const length = this.uint32();
    if (length > this.end - this.pos) throw new MalformedBytes('it ends too soon');
    return length;
  }

  /** Goes into a submessage; what it returns is to be given to `leave`. */
  enter(): number {
    this.expect(WireType.delimited);
    const outer = this.end;
    const length = this.length();
    this.end = this.pos + length;
    return outer;
  }

  /** Leaves a submessage of which all has been read. */
  leave(outer: number): void {
    this.end = outer;
  }

  /** A view of the message. */
  view(): Buffer {
    const length = this.length();
    const from = this.pos;
    this.pos = from + length;
    return this.bytes.subarray(from, this.pos);
  }

  /** A text in UTF-8; what is not UTF-8 is malformed. */
  text(): string {
    const length = this.length();
    const from = this.pos;
    const to = from + length;
    this.pos = to;
    if (length === 0) return '';
    if (length <= SHORT_TEXT_BYTES) {
      const { bytes } = this;
      let at = from;
      while (at < to && (bytes[at] as number) < 0x80) at++;
      if (at === to) return bytes.toString('latin1', from, to);
    } else if (isAscii(this.bytes.subarray(from, to)))
      return this.bytes.toString('latin1', from, to);
    return this.strict(from, to);
  }

  private strict(from: number, to: number): string {
    try {
      return strictText.decode(this.bytes.subarray(from, to));
    } catch {
      throw new MalformedBytes('a text is not UTF-8');
    }
  }

  /** Passes over a field that is not known. */
  skip(depth = GROUPS_MAX): void {
    const { field, type } = this;
    if (type === WireType.varint) this.uint32();
    else if (type === WireType.delimited) {
      // In two steps: reading the length moves on by itself.
      const length = this.length();
      this.pos += length;
    } else if (type === WireType.bit64) this.pos += 8;
    else if (type === WireType.bit32) this.pos += 4;
    else if (type === WireType.startGroup && depth > 0) this.skipGroup(field, depth);
    else throw new MalformedBytes('a group is not one');
    if (this.pos > this.end) throw new MalformedBytes('it ends too soon');
  }

  private skipGroup(field: number, depth: number): void {
    while (this.next()) {
      if (this.type !== WireType.endGroup) this.skip(depth - 1);
      else if (this.field === field) return;
      else throw new MalformedBytes('a group is not one');
    }
    throw new MalformedBytes('it ends too soon');
  }
}
