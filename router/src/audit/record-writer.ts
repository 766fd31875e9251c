import { randomFillSync } from 'node:crypto';

/** The size of the buffer at first; it grows. */
const FIRST_BYTES = 16 * 1024;

/** The random bytes of a record. */
export const SALT_BYTES = 16;
const SALTS = 256;
const SHORT_BYTES = 48;

/**
 * Writes fields of protobuf messages by hand, on the hot path: protobuf-es takes a message of objects
 * and makes a list of pieces of it. Tags are given as they stand on the wire: field number * 8 +
 * wire type. Fields of the default value are left out, as proto3 does.
 */
export class RecordWriter {
  #out = Buffer.allocUnsafe(FIRST_BYTES);
  #at = 0;
  readonly #salts = Buffer.alloc(SALT_BYTES * SALTS);
  #saltAt = SALT_BYTES * SALTS;

  /** How many bytes were written. */
  get length(): number {
    return this.#at;
  }

  /** What was written; changes when more is written. */
  written(): Buffer {
    return this.#out.subarray(0, this.#at);
  }

  /** A copy of what was written since a place. */
  copy(from: number): Buffer {
    return Buffer.from(this.#out.subarray(from, this.#at));
  }

  /** Takes back what was written since a place: a copy of it. */
  cutOff(from: number): Buffer {
    const written = this.copy(from);
    this.#at = from;
    return written;
  }

  /** Begins anew. */
  reset(): void {
    this.#at = 0;
  }

  /** Makes room; everything but a text needs a few bytes only. */
  reserve(bytes: number): void {
    const needed = this.#at + bytes + 64;
    if (needed <= this.#out.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#out.length * 2));
    this.#out.copy(grown, 0, 0, this.#at);
    this.#out = grown;
  }

  text(tag: number, value: string): void {
    if (value !== '') this.line(tag, value);
  }

  /** A text that is written even when it is empty: of a list, or a map. */
  line(tag: number, value: string): void {
    const { length } = value;
    this.reserve(length * 3);
    this.varint(tag);
    if (length < 43) {
      if (this.#ascii(value)) return;
      // At most 127 bytes: the length takes one.
      const bytes = this.#out.write(value, this.#at + 1, 'utf8');
      this.#out[this.#at] = bytes;
      this.#at += 1 + bytes;
      return;
    }
    this.varint(Buffer.byteLength(value));
    this.#at += this.#out.write(value, this.#at, 'utf8');
  }

  /** Writes a short text with its length, if it is ASCII: to call into the runtime costs more. */
  #ascii(value: string): boolean {
    const { length } = value;
    const out = this.#out;
    const at = this.#at;
    for (let i = 0; i < length; i++) {
      const code = value.charCodeAt(i);
      if (code >= 0x80) return false;
      out[at + 1 + i] = code;
    }
    out[at] = length;
    this.#at = at + 1 + length;
    return true;
  }

  bytes(tag: number, value: Uint8Array): void {
    if (value.byteLength === 0) return;
    this.reserve(value.byteLength);
    this.varint(tag);
    this.varint(value.byteLength);
    this.raw(value);
  }

  /** Bytes that are encoded already. */
  raw(value: Uint8Array): void {
    const { length } = value;
    this.reserve(length);
    const out = this.#out;
    const at = this.#at;
    // To copy a few bytes one by one is quicker than a call into the runtime.
    if (length > SHORT_BYTES) out.set(value, at);
    else for (let i = 0; i < length; i++) out[at + i] = value[i] as number;
    this.#at = at + length;
  }

  number(tag: number, value: number): void {
    if (value === 0) return;
    this.varint(tag);
    this.varint(value);
  }

  uint64(tag: number, value: bigint): void {
    if (value === 0n) return;
    this.varint(tag);
    let left = BigInt.asUintN(64, value);
    for (; left > 0x7fn; left >>= 7n) this.#out[this.#at++] = Number(left & 0x7fn) | 0x80;
    this.#out[this.#at++] = Number(left);
  }

  /** A Timestamp or Duration: whole seconds, and nanoseconds. */
  time(tag: number, ms: number): void {
    this.varint(tag);
    const lengthAt = this.#at++;
    const seconds = Math.floor(ms / 1000);
    this.number(0x08, seconds);
    this.number(0x10, Math.min(Math.round((ms - seconds * 1000) * 1e6), 999_999_999));
    this.#out[lengthAt] = this.#at - lengthAt - 1;
  }

  /** A field of 16 random bytes. */
  salt(tag: number): void {
    if (this.#saltAt === this.#salts.length) {
      randomFillSync(this.#salts);
      this.#saltAt = 0;
    }
    this.reserve(SALT_BYTES);
    this.varint(tag);
    this.varint(SALT_BYTES);
    this.#salts.copy(this.#out, this.#at, this.#saltAt, this.#saltAt + SALT_BYTES);
    this.#saltAt += SALT_BYTES;
    this.#at += SALT_BYTES;
  }

  /** Begins a message within the message; returns where. */
  open(tag: number): number {
    this.reserve(16);
    this.varint(tag);
    this.#at += 1;
    return this.#at;
  }

  /** Ends the message that began there, whose length is known only now. */
  close(from: number): void {
    const length = this.#at - from;
    if (length < 0x80) {
      this.#out[from - 1] = length;
      return;
    }
    const more = length < 0x4000 ? 1 : 2;
    this.reserve(more);
    this.#out.copyWithin(from + more, from, this.#at);
    this.#at = from - 1;
    this.varint(length);
    this.#at += length;
  }

  /** A whole number from 0 to 2^53. */
  varint(value: number): void {
    let left = value;
    for (; left > 0x7fffffff; left = Math.floor(left / 128)) {
      this.#out[this.#at++] = (left % 128) | 0x80;
    }
    for (; left > 0x7f; left >>>= 7) this.#out[this.#at++] = (left & 0x7f) | 0x80;
    this.#out[this.#at++] = left;
  }
}
