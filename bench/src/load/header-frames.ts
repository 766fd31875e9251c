import type { FrameHead } from './frame-reader.ts';
import { byteAt, frameFlag, PeerFault } from './frames.ts';

/** Whose headers these are. */
export interface Block {
  id: number;
  /** Whether the stream ends with them. */
  ends: boolean;
}

/** Takes a whole block. */
export type TakeBlock = (block: Block, bytes: Uint8Array, from: number, to: number) => void;

const maxBlockBytes = 64 * 1024;

/** Takes blocks of headers out of HEADERS and CONTINUATION frames (RFC 9113, sections 6.2 and 6.10). */
export class HeaderFrames {
  readonly #take: TakeBlock;
  readonly #block: Block = { id: 0, ends: false };
  /** What there is of a block that goes on in another frame. */
  #cut: Uint8Array | undefined;

  constructor(take: TakeBlock) {
    this.#take = take;
  }

  /** Whether only the rest of a block may come now. */
  get unfinished(): boolean {
    return this.#cut !== undefined;
  }

  headers({ id, flags }: FrameHead, bytes: Uint8Array, from: number, to: number): void {
    const padded = (flags & frameFlag.padded) !== 0;
    const start = from + (padded ? 1 : 0) + ((flags & frameFlag.priority) !== 0 ? 5 : 0);
    const end = padded ? to - byteAt(bytes, from) : to;
    if (!(start <= end)) throw new PeerFault('more padding than content');
    this.#block.id = id;
    this.#block.ends = (flags & frameFlag.endStream) !== 0;
    if ((flags & frameFlag.endHeaders) !== 0) this.#take(this.#block, bytes, start, end);
    else this.#cut = new Uint8Array(bytes.subarray(start, end));
  }

  continuation({ id, flags }: FrameHead, more: Uint8Array): void {
    if (!this.#cut || this.#block.id !== id) {
      throw new PeerFault('a block of headers without a beginning');
    }
    const whole = Buffer.concat([this.#cut, more]);
    if (whole.length > maxBlockBytes) throw new PeerFault('too long a block of headers');
    const ends = (flags & frameFlag.endHeaders) !== 0;
    this.#cut = ends ? undefined : whole;
    if (ends) this.#take(this.#block, whole, 0, whole.length);
  }
}
