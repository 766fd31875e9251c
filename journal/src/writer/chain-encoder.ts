import { hash } from 'node:crypto';
import { FRAME_BYTES, writeFrame } from '../format/frame.ts';
import { genesis, TIE_BYTES } from '../format/hash.ts';
import {
  BODY_MAX_BYTES,
  type EntryKind,
  HASH_BYTES,
  HEADER_BYTES,
  headerOffsets,
  writeHeader,
} from '../format/header.ts';

/** Where a chain is: what a failed write is taken back to. */
export interface ChainMark {
  /** How many entries it has. */
  readonly position: number;
  /** The hash of the last of them, a character for each byte: such texts cost less than buffers. */
  readonly head: string;
}

const FIRST_BYTES = 64 * 1024;

/**
 * Makes frames of entries and keeps their chain, on the hot path: no object is made but one short text
 * for each hash. What waits to be written lies in one buffer; another takes its place while it
 * is written.
 */
export class ChainEncoder {
  position = 0;
  /** How much waits, in bytes. */
  pendingBytes = 0;
  #head = Buffer.from(genesis).toString('binary');
  #out = Buffer.allocUnsafe(FIRST_BYTES);
  #other = Buffer.allocUnsafe(FIRST_BYTES);
  /** The hash of the entry before, then the header: what is hashed for the chain. */
  readonly #linked = Buffer.alloc(HASH_BYTES + HEADER_BYTES);

  /** Adds an entry. Throws a RangeError for a body that no frame holds. */
  add(kind: EntryKind, timeMs: number, body: Uint8Array): void {
    const bodyBytes = body.byteLength;
    if (bodyBytes === 0 || bodyBytes > BODY_MAX_BYTES) {
      throw new RangeError(`no entry has a body of ${bodyBytes} bytes`);
    }
    const frameAt = this.pendingBytes;
    const headerAt = frameAt + FRAME_BYTES;
    const bodyAt = headerAt + HEADER_BYTES;
    this.#grow(bodyAt + bodyBytes);
    const out = this.#out;
    const linked = this.#linked;
    writeHeader(out, headerAt, kind, this.position, timeMs, bodyBytes);
    out.write(hash('sha256', body, 'binary'), headerAt + headerOffsets.bodyHash, 'latin1');
    linked.copy(out, headerAt + headerOffsets.tie, 0, TIE_BYTES);
    out.set(body, bodyAt);
    writeFrame(out, frameAt, bodyBytes);
    out.copy(linked, HASH_BYTES, headerAt, bodyAt);
    this.#head = hash('sha256', linked, 'binary');
    linked.write(this.#head, 0, 'latin1');
    this.position += 1;
    this.pendingBytes = bodyAt + bodyBytes;
  }

  /** Gives out what waits; it stays as it is until this is called again. */
  take(): Buffer {
    const taken = this.#out.subarray(0, this.pendingBytes);
    const out = this.#other;
    this.#other = this.#out;
    this.#out = out;
    this.pendingBytes = 0;
    return taken;
  }

  mark(): ChainMark {
    return { position: this.position, head: this.#head };
  }

  /** Forgets what waits, and goes on from where the chain was. */
  rollback(mark: ChainMark): void {
    this.position = mark.position;
    this.#head = mark.head;
    this.#linked.write(mark.head, 0, 'latin1');
    this.pendingBytes = 0;
  }

  #grow(needed: number): void {
    if (needed <= this.#out.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#out.length * 2));
    this.#out.copy(grown, 0, 0, this.pendingBytes);
    this.#out = grown;
  }
}
