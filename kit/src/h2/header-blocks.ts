import { FrameFault, type FrameHead, flag, h2Error } from './frames.ts';

/** Takes a whole block of headers. */
export type TakeBlock = (
  of: { readonly stream: number; readonly ends: boolean },
  bytes: Buffer,
  range: { readonly from: number; readonly to: number },
) => void;

/** A block that takes more than this is no headers. */
const BLOCK_MAX_BYTES = 128 * 1024;
const PRIORITY_BYTES = 5;

/** Takes blocks of headers out of HEADERS and CONTINUATION frames (RFC 9113, 6.2 and 6.10). */
export class HeaderBlocks {
  readonly #take: TakeBlock;
  #open: { readonly stream: number; readonly ends: boolean } | undefined;
  #parts: Buffer[] = [];
  #bytes = 0;

  constructor(take: TakeBlock) {
    this.#take = take;
  }

  /** Whether only the rest of a block may come now. */
  get unfinished(): boolean {
    return this.#open !== undefined;
  }

  headers({ stream, flags }: FrameHead, bytes: Buffer, from: number, to: number): void {
    const padded = (flags & flag.padded) !== 0;
    const start = from + (padded ? 1 : 0) + ((flags & flag.priority) !== 0 ? PRIORITY_BYTES : 0);
    // Without content there is no byte that tells of padding.
    const end = padded ? to - (bytes[from] ?? 0) : to;
    if (start > end) throw new FrameFault(h2Error.protocol, 'more padding than content');
    const of = { stream, ends: (flags & flag.end) !== 0 };
    if ((flags & flag.endHeaders) !== 0) this.#take(of, bytes, { from: start, to: end });
    else {
      this.#open = of;
      this.#add(bytes.subarray(start, end));
    }
  }

  continuation({ stream, flags }: FrameHead, part: Buffer): void {
    const of = this.#open;
    if (of?.stream !== stream) {
      throw new FrameFault(h2Error.protocol, 'a block of headers without a beginning');
    }
    this.#add(part);
    if ((flags & flag.endHeaders) === 0) return;
    const whole = Buffer.concat(this.#parts);
    this.#open = undefined;
    this.#parts = [];
    this.#bytes = 0;
    this.#take(of, whole, { from: 0, to: whole.length });
  }

  #add(part: Buffer): void {
    this.#bytes += part.length;
    this.#parts.push(part);
    if (this.#bytes > BLOCK_MAX_BYTES) throw new FrameFault(h2Error.calm, 'too many headers');
  }
}
