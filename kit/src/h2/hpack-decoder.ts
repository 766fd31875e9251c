import { FrameFault, h2Error } from './frames.ts';
import { readHuffman } from './huffman.ts';
import { staticFields } from './static-fields.ts';

/** What an entry of the table takes beside its texts (RFC 7541, 4.1). */
export const ENTRY_BYTES = 32;
const TABLE_MAX_BYTES = 4_096;
/** An integer of more bytes is no size of anything. */
const INTEGER_MAX_BYTES = 4;

/** The fields of a block: names and values by turns. */
export interface FieldList {
  readonly fields: readonly string[];
  /** Whether they are all: fields past the bound are left out. */
  readonly isWhole: boolean;
}

/** Decodes the blocks of headers of a connection (RFC 7541). */
export class HpackDecoder {
  readonly #maxListBytes: number;
  /** The newest last. */
  readonly #entries: (readonly [name: string, value: string])[] = [];
  #tableBytes = 0;
  #tableMaxBytes = TABLE_MAX_BYTES;
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  #to = 0;
  #fields: string[] = [];
  #listBytes = 0;

  constructor(maxListBytes: number) {
    this.#maxListBytes = maxListBytes;
  }

  /** Decodes a block. Throws FrameFault; nothing can be decoded after that. */
  decode(bytes: Buffer, from: number, to: number): FieldList {
    this.#bytes = bytes;
    this.#at = from;
    this.#to = to;
    this.#fields = [];
    this.#listBytes = 0;
    while (this.#at < to && (bytes[this.#at] as number) >> 5 === 1) this.#resize();
    while (this.#at < to) this.#field();
    return { fields: this.#fields, isWhole: this.#listBytes <= this.#maxListBytes };
  }

  #field(): void {
    const head = this.#bytes[this.#at] as number;
    if (head >= 0x80) {
      const [name, value] = this.#entry(this.#integer(0x7f));
      this.#add(name, value);
    } else if (head >= 0x40) {
      const name = this.#name(0x3f);
      const value = this.#text();
      this.#add(name, value);
      this.#remember(name, value);
    } else {
      if (head >= 0x20) throw fault();
      const name = this.#name(0x0f);
      this.#add(name, this.#text());
    }
  }

  #add(name: string, value: string): void {
    this.#listBytes += name.length + value.length + ENTRY_BYTES;
    if (this.#listBytes <= this.#maxListBytes) this.#fields.push(name, value);
  }

  #name(mask: number): string {
    const index = this.#integer(mask);
    return index === 0 ? this.#text() : this.#entry(index)[0];
  }

  #entry(index: number): readonly [name: string, value: string] {
    const entry =
      index <= staticFields.length
        ? staticFields[index - 1]
        : this.#entries[this.#entries.length + staticFields.length - index];
    if (entry === undefined) throw fault();
    return entry;
  }

  #text(): string {
    const isHuffman = (this.#bytes[this.#at] as number) >= 0x80;
    const length = this.#integer(0x7f);
    const from = this.#at;
    const to = from + length;
    if (to > this.#to) throw fault();
    this.#at = to;
    if (!isHuffman) return this.#bytes.toString('latin1', from, to);
    const text = readHuffman(this.#bytes, from, to);
    if (text === undefined) throw fault();
    return text;
  }

  /** An integer behind the bits of a mask (RFC 7541, 5.1). */
  #integer(mask: number): number {
    if (this.#at >= this.#to) throw fault();
    let value = (this.#bytes[this.#at++] as number) & mask;
    if (value < mask) return value;
    for (let i = 0; i < INTEGER_MAX_BYTES; i++) {
      if (this.#at >= this.#to) throw fault();
      const byte = this.#bytes[this.#at++] as number;
      value += (byte & 0x7f) << (7 * i);
      if (byte < 0x80) return value;
    }
    throw fault();
  }

  #remember(name: string, value: string): void {
    this.#tableBytes += name.length + value.length + ENTRY_BYTES;
    this.#entries.push([name, value]);
    this.#evict();
  }

  #resize(): void {
    const bytes = this.#integer(0x1f);
    if (bytes > TABLE_MAX_BYTES) throw fault();
    this.#tableMaxBytes = bytes;
    this.#evict();
  }

  #evict(): void {
    while (this.#tableBytes > this.#tableMaxBytes) {
      const [name, value] = this.#entries.shift() as readonly [string, string];
      this.#tableBytes -= name.length + value.length + ENTRY_BYTES;
    }
  }
}

function fault(): FrameFault {
  return new FrameFault(h2Error.compression, 'a block of headers that cannot be read');
}
