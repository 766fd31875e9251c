import { toBinary } from '@bufbuild/protobuf';
import { ItemResultSchema } from '@weir/sdk/gen/weir/context/v1/context_pb';
import type { Found, Outcome } from '../outcome.ts';
import { presentItem } from '../present.ts';

// Field numbers and wire types of FetchContextResponse, ItemResult and Duration.
const RESULTS = (1 << 3) | 2;
const INDEX = 1 << 3;
const CACHE = 4 << 3;
const AGE = (5 << 3) | 2;
const QUALITY = (6 << 3) | 1;
const REDACTED = 7 << 3;
const SECONDS = 1 << 3;
const NANOS = 2 << 3;

/**
 * Small answers lie one after the other in slabs of this size, which go with the last answer that lies in
 * them: a buffer for each would cost more than to fill it.
 */
const SLAB_BYTES = 64 * 1024;
/** A larger answer has a buffer of its own: a slow reader of it is not to hold a slab as well. */
const SMALL_MAX_BYTES = 8 * 1024;

/** What a result takes beside its item at most: lengths, index, cache, age, quality, redacted. */
const RESULT_MAX_BYTES = 48;

/**
 * Encodes the answer to a batch, behind so many bytes that are left free. Items go out as the caches hold
 * them; what is refused or linked is encoded by protobuf-es.
 */
export function encodeAnswer(outcomes: readonly Outcome[], headroom: number): Uint8Array {
  let most = headroom;
  const encoded: (Uint8Array | undefined)[] = [];
  for (let index = 0; index < outcomes.length; index++) {
    const outcome = outcomes[index] as Outcome;
    const isPlain = outcome.kind === 'found' && outcome.link === undefined;
    const bytes = isPlain ? undefined : toBinary(ItemResultSchema, presentItem(outcome, index));
    encoded.push(bytes);
    most += RESULT_MAX_BYTES + (isPlain ? outcome.entry.field.length : (bytes?.length ?? 0));
  }
  writer.begin(most, headroom);
  for (let index = 0; index < outcomes.length; index++) {
    const bytes = encoded[index];
    if (bytes) writer.encoded(bytes);
    else writer.found(outcomes[index] as Found & Outcome, index);
  }
  return writer.end();
}

/** One for the process: it works in one go. */
class AnswerWriter {
  #slab: Buffer = Buffer.allocUnsafeSlow(SLAB_BYTES);
  #slabEnd = 0;
  #out = this.#slab;
  #from = 0;
  #at = 0;

  begin(most: number, headroom: number): void {
    if (most > SMALL_MAX_BYTES) {
      this.#out = Buffer.allocUnsafeSlow(most);
      this.#from = 0;
    } else {
      if (this.#slabEnd + most > SLAB_BYTES) {
        this.#slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
        this.#slabEnd = 0;
      }
      this.#out = this.#slab;
      this.#from = this.#slabEnd;
    }
    this.#at = this.#from + headroom;
  }

  end(): Uint8Array {
    const written = this.#out.subarray(this.#from, this.#at);
    if (this.#out === this.#slab) this.#slabEnd = this.#at;
    this.#out = this.#slab;
    return written;
  }

  encoded(result: Uint8Array): void {
    this.#out[this.#at++] = RESULTS;
    this.#varint(result.length);
    this.#raw(result);
  }

  found({ entry, ageMs, quality, cache, redactions }: Found & Outcome, index: number): void {
    const { field } = entry;
    const age = Math.max(0, Math.round(ageMs));
    const ageBytes = durationBytes(age);
    const length =
      (index > 0 ? 1 + varintBytes(index) : 0) +
      field.length +
      (cache !== 0 ? 2 : 0) +
      (2 + ageBytes) +
      9 +
      (redactions.length > 0 ? 2 : 0);
    this.#out[this.#at++] = RESULTS;
    this.#varint(length);
    if (index > 0) {
      this.#out[this.#at++] = INDEX;
      this.#varint(index);
    }
    this.#raw(field);
    if (cache !== 0) {
      this.#out[this.#at++] = CACHE;
      this.#out[this.#at++] = cache;
    }
    this.#duration(age, ageBytes);
    this.#out[this.#at++] = QUALITY;
    this.#at = this.#out.writeDoubleLE(quality, this.#at);
    if (redactions.length > 0) {
      this.#out[this.#at++] = REDACTED;
      this.#out[this.#at++] = 1;
    }
  }

  #raw(bytes: Uint8Array): void {
    this.#out.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  #duration(ms: number, bytes: number): void {
    this.#out[this.#at++] = AGE;
    this.#out[this.#at++] = bytes;
    const seconds = Math.floor(ms / 1_000);
    const nanos = (ms % 1_000) * 1_000_000;
    if (seconds > 0) {
      this.#out[this.#at++] = SECONDS;
      this.#varint(seconds);
    }
    if (nanos > 0) {
      this.#out[this.#at++] = NANOS;
      this.#varint(nanos);
    }
  }

  /** A whole number from 0 to 2^53. */
  #varint(value: number): void {
    let left = value;
    for (; left > 0x7fffffff; left = Math.floor(left / 128)) {
      this.#out[this.#at++] = (left % 128) | 0x80;
    }
    for (; left > 0x7f; left >>>= 7) this.#out[this.#at++] = (left & 0x7f) | 0x80;
    this.#out[this.#at++] = left;
  }
}

function durationBytes(ms: number): number {
  const seconds = Math.floor(ms / 1_000);
  const nanos = (ms % 1_000) * 1_000_000;
  return (seconds > 0 ? 1 + varintBytes(seconds) : 0) + (nanos > 0 ? 1 + varintBytes(nanos) : 0);
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let left = value; left >= 0x80; left = Math.floor(left / 128)) bytes += 1;
  return bytes;
}

const writer = new AnswerWriter();
