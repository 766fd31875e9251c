import { fromBinary } from '@bufbuild/protobuf';
import { type Duration, DurationSchema } from '@bufbuild/protobuf/wkt';
import { FetchContextRequestSchema } from '@weir/sdk/gen/weir/router/v1/router_pb';
import { type AskedBatch, MAX_REFS_PER_BATCH } from '../batch.ts';

// Field numbers and wire types of FetchContextRequest and ContextRef, as they stand on the wire.
const REFS = (1 << 3) | 2;
const ITEM_TIMEOUT = (2 << 3) | 2;
const MIN_QUALITY = (3 << 3) | 1;
const MAX_AGE = (4 << 3) | 2;
const CONSISTENCY_TOKEN = (5 << 3) | 2;
const PURPOSE = (6 << 3) | 2;
const REF_TYPE = (1 << 3) | 2;
const REF_VERSION_RANGE = (2 << 3) | 2;
const REF_KEY = (3 << 3) | 2;
const REF_PROVIDER = (4 << 3) | 2;

/**
 * Decodes a FetchContextRequest as callers usually write it; refs beyond what a batch may hold are only
 * counted. Whatever else it may be is left to protobuf-es, which throws when it is no message.
 */
export function decodeBatch(message: Uint8Array): AskedBatch {
  return decoder.decode(message) ?? fromBinary(FetchContextRequestSchema, message);
}

/** Parts of a text keep all of it; those of a larger message are texts of their own. */
const SLICED_MAX_BYTES = 16 * 1024;

/** One for the process: it works in one go. */
class Decoder {
  #bytes: Buffer = Buffer.alloc(0);
  /** The same bytes as one text, of which parts are taken where they are ASCII; empty: they are too many. */
  #text = '';
  #at = 0;
  #type = '';

  decode(message: Uint8Array): AskedBatch | undefined {
    this.#bytes = Buffer.from(message.buffer, message.byteOffset, message.length);
    this.#text = message.length <= SLICED_MAX_BYTES ? this.#bytes.toString('latin1') : '';
    this.#at = 0;
    try {
      return this.#request();
    } finally {
      this.#text = '';
    }
  }

  #request(): AskedBatch | undefined {
    const refs: AskedBatch['refs'][number][] = [];
    let refCount = 0;
    let itemTimeout: Duration | undefined;
    let minQuality = 0;
    let maxAge: Duration | undefined;
    let consistencyToken = '';
    let purpose = '';
    const end = this.#bytes.length;
    while (this.#at < end) {
      const tag = this.#bytes[this.#at++] as number;
      if (tag === MIN_QUALITY) {
        if (this.#at + 8 > end) return undefined;
        const view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset + this.#at, 8);
        minQuality = view.getFloat64(0, true);
        this.#at += 8;
        continue;
      }
      const to = this.#end(end);
      if (to < 0) return undefined;
      switch (tag) {
        case REFS: {
          refCount += 1;
          if (refCount > MAX_REFS_PER_BATCH) {
            this.#at = to;
            break;
          }
          const ref = this.#ref(to);
          if (!ref) return undefined;
          refs.push(ref);
          break;
        }
        case ITEM_TIMEOUT:
          if (itemTimeout) return undefined;
          itemTimeout = this.#duration(to);
          if (!itemTimeout) return undefined;
          break;
        case MAX_AGE:
          if (maxAge) return undefined;
          maxAge = this.#duration(to);
          if (!maxAge) return undefined;
          break;
        case CONSISTENCY_TOKEN: {
          const text = consistencyToken === '' ? this.#ascii(to) : undefined;
          if (text === undefined) return undefined;
          consistencyToken = text;
          break;
        }
        case PURPOSE: {
          const text = purpose === '' ? this.#ascii(to) : undefined;
          if (text === undefined) return undefined;
          purpose = text;
          break;
        }
        default:
          return undefined;
      }
    }
    return { refs, refCount, itemTimeout, minQuality, maxAge, consistencyToken, purpose };
  }

  #ref(end: number): AskedBatch['refs'][number] | undefined {
    let type = '';
    let versionRange = '';
    let key = '';
    let provider = '';
    let last = 0;
    while (this.#at < end) {
      const tag = this.#bytes[this.#at++] as number;
      // Each once, and in order: what is overwritten would be kept with the text all the same.
      if (tag <= last) return undefined;
      last = tag;
      const to = this.#end(end);
      const text = to < 0 ? undefined : tag === REF_TYPE ? this.#sameType(to) : this.#ascii(to);
      if (text === undefined) return undefined;
      switch (tag) {
        case REF_TYPE:
          type = text;
          break;
        case REF_VERSION_RANGE:
          versionRange = text;
          break;
        case REF_KEY:
          key = text;
          break;
        case REF_PROVIDER:
          provider = text;
          break;
        default:
          return undefined;
      }
    }
    return { type, versionRange, key, provider };
  }

  /** Reads a length of one or two bytes; where that many end. -1: it is longer, or too long. */
  #end(limit: number): number {
    const low = this.#bytes[this.#at++];
    if (low === undefined) return -1;
    let length = low;
    if (low >= 0x80) {
      const high = this.#bytes[this.#at++];
      if (high === undefined || high >= 0x80 || high === 0) return -1;
      length = (low & 0x7f) | (high << 7);
    }
    const end = this.#at + length;
    return end <= limit ? end : -1;
  }

  /** A text up to there; undefined: it is not ASCII. */
  #ascii(to: number): string | undefined {
    const from = this.#at;
    const bytes = this.#bytes;
    for (let at = from; at < to; at++) if ((bytes[at] as number) >= 0x80) return undefined;
    this.#at = to;
    return this.#text === ''
      ? this.#bytes.toString('latin1', from, to)
      : this.#text.substring(from, to);
  }

  /** Most refs of a process are of few types: the text before is taken again where it is the same. */
  #sameType(to: number): string | undefined {
    const from = this.#at;
    const last = this.#type;
    if (last.length === to - from && this.#text.startsWith(last, from)) {
      this.#at = to;
      return last;
    }
    const text = this.#ascii(to);
    // A copy: a part of the text would keep all of it.
    if (text !== undefined) this.#type = Buffer.from(text, 'latin1').toString('latin1');
    return text;
  }

  /** A duration up to there; undefined: it does not end there, which protobuf-es may still make sense of. */
  #duration(to: number): Duration | undefined {
    const from = this.#at;
    this.#at = to;
    try {
      return fromBinary(DurationSchema, this.#bytes.subarray(from, to));
    } catch {
      return undefined;
    }
  }
}

const decoder = new Decoder();
