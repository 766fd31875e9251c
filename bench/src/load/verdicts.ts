import { byteAt } from './frames.ts';
import { decodeFields } from './header-block.ts';

/** What a block of headers says about a call. */
export interface Verdict {
  /** The HTTP status; undefined in trailers. */
  readonly status: number | undefined;
  /** Undefined where there is none. */
  readonly grpcStatus: number | undefined;
  /** Whether it tells more of an error, such as when to call again. */
  readonly hasDetails: boolean;
}

interface Entry {
  readonly block: Uint8Array;
  readonly verdict: Verdict;
}

/** So many blocks are remembered; then all are forgotten. */
const maxBlocks = 4_096;

/**
 * Tells what blocks of headers say. They stand for themselves, as our settings allow no dynamic
 * table, and few of them differ: each is decoded once.
 */
export class Verdicts {
  #entries = new Map<number, Entry>();
  /** The last ones of each kind: nearly always the next is the same. */
  readonly #last: (Entry | undefined)[] = [undefined, undefined];

  /** What the block of `from` to `to` says; `kind`: 0 before the message, 1 after it. Throws when it cannot be read. */
  of(kind: 0 | 1, bytes: Uint8Array, from: number, to: number): Verdict {
    const last = this.#last[kind];
    if (last !== undefined && equal(last.block, bytes, from, to)) return last.verdict;
    const hash = hashOf(bytes, from, to);
    const known = this.#entries.get(hash);
    const entry = known && equal(known.block, bytes, from, to) ? known : decode(bytes, from, to);
    if (this.#entries.size >= maxBlocks) this.#entries = new Map();
    this.#entries.set(hash, entry);
    this.#last[kind] = entry;
    return entry.verdict;
  }
}

function decode(bytes: Uint8Array, from: number, to: number): Entry {
  const block = new Uint8Array(bytes.subarray(from, to));
  const fields = new Map(decodeFields(block));
  return {
    block,
    verdict: {
      status: numberOf(fields.get(':status')),
      grpcStatus: numberOf(fields.get('grpc-status')),
      hasDetails: fields.has('grpc-status-details-bin'),
    },
  };
}

function numberOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number.parseInt(text, 10);
}

function equal(block: Uint8Array, bytes: Uint8Array, from: number, to: number): boolean {
  const length = to - from;
  if (block.length !== length) return false;
  for (let at = 0; at < length; at++) if (block[at] !== bytes[from + at]) return false;
  return true;
}

/** FNV-1a. */
function hashOf(bytes: Uint8Array, from: number, to: number): number {
  let hash = 0x811c9dc5;
  for (let at = from; at < to; at++) hash = Math.imul(hash ^ byteAt(bytes, at), 0x01000193);
  return hash;
}
