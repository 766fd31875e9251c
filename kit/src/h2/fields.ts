import { staticFields } from './static-fields.ts';

// Fields of headers as they are sent: without a table, so that blocks of several senders can stand in one
// connection in any order (RFC 7541, 6).

const INDEXED = 0x80;
const NEVER_INDEXED = 0x10;
const nameIndex = new Map(staticFields.map(([name], at) => [name, at + 1] as const).reverse());
const fieldIndex = new Map(staticFields.map(([name, value], at) => [`${name} ${value}`, at + 1]));
/** The indexes that one byte holds, beside the bits that say what it is. */
const SHORT_INDEX = 0x0f;
/** What a text of one byte of length may have. */
const SHORT_MAX_BYTES = 0x7e;

/** A field, as an entry of the static table or as a literal that no table keeps. */
export function fieldOf(name: string, value: string): Buffer {
  const whole = fieldIndex.get(`${name} ${value}`);
  if (whole !== undefined) return Buffer.of(INDEXED | whole);
  return Buffer.concat([nameOf(name), textOf(value)]);
}

/** The name of a field whose text follows, and which no table keeps. */
export function nameOf(name: string): Buffer {
  const index = nameIndex.get(name);
  if (index === undefined) return Buffer.concat([Buffer.of(0), textOf(name)]);
  return integer(index, 0x0f);
}

/** Writes a field whose text no table keeps, on its whole way where it is a secret; returns where it ends. */
export function putField(bytes: Buffer, at: number, name: string, value: string): number {
  const index = nameIndex.get(name);
  // An index of a name beyond this one takes two bytes.
  if (index !== undefined && index < SHORT_INDEX) {
    bytes[at] = index;
    return putText(bytes, at + 1, value);
  }
  const text = put(bytes, at, nameOf(name));
  if (name === 'authorization') bytes[at] = (bytes[at] as number) | NEVER_INDEXED;
  return putText(bytes, text, value);
}

function textOf(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  return Buffer.concat([integer(bytes.length, 0x7f), bytes]);
}

function integer(value: number, mask: number): Buffer {
  if (value < mask) return Buffer.of(value);
  const bytes = [mask];
  let left = value - mask;
  for (; left >= 0x80; left >>>= 7) bytes.push((left & 0x7f) | 0x80);
  return Buffer.of(...bytes, left);
}

/** Writes a text with its length; returns where it ends. */
export function putText(bytes: Buffer, at: number, text: string): number {
  if (text.length > SHORT_MAX_BYTES) return put(bytes, at, textOf(text));
  bytes[at] = text.length;
  return at + 1 + bytes.write(text, at + 1, 'latin1');
}

/** Writes bytes; returns where they end. */
export function put(bytes: Buffer, at: number, piece: Uint8Array): number {
  bytes.set(piece, at);
  return at + piece.length;
}
