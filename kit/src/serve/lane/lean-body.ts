import { Code, ConnectError } from '@connectrpc/connect';
import { PREFIX_BYTES } from './lean-frame.ts';
import type { LeanProtocol } from './lean-head.ts';

const noBytes = Buffer.alloc(0);

/**
 * Collects the one message of a call from the pieces in which it comes. What it throws is what the
 * RPC library throws.
 */
export class LeanBody {
  /** Whether the message comes behind a prefix: in all but one of the protocols. */
  readonly #isPrefixed: boolean;
  readonly #maxBytes: number;
  /** What errors call the method. */
  readonly #kind: 'unary' | 'server-streaming';
  /** What has come is in front; there may be room behind it, if the buffer is ours. */
  #held: Buffer = noBytes;
  #bytes = 0;

  constructor(protocol: LeanProtocol, maxBytes: number, kind: 'unary' | 'server-streaming') {
    this.#isPrefixed = protocol !== 'connect';
    this.#maxBytes = maxBytes;
    this.#kind = kind;
  }

  /** Hears of a length before anything comes. Throws RESOURCE_EXHAUSTED: promised is as good as sent. */
  expect(bytes: number): void {
    if (!this.#isPrefixed && bytes > this.#maxBytes) throw tooLarge(this.#maxBytes, bytes);
  }

  /** Takes a piece. Throws RESOURCE_EXHAUSTED as soon as it is known to be too much. */
  add(chunk: Buffer): void {
    const bytes = this.#bytes + chunk.length;
    if (this.#bytes === 0) this.#held = chunk;
    else {
      if (bytes > this.#held.length) this.#grow(bytes);
      this.#held.set(chunk, this.#bytes);
    }
    this.#bytes = bytes;
    if (!this.#isPrefixed) {
      if (bytes > this.#maxBytes) throw tooLarge(this.#maxBytes);
      return;
    }
    if (bytes < PREFIX_BYTES) return;
    const end = PREFIX_BYTES + this.#lengthIn(this.#held);
    // However much is still to come, it is more than one message.
    if (bytes > this.#mostBytes) throw this.#faultOf(this.#held.subarray(end, bytes));
  }

  /**
   * The message, when all of it has come; to be asked for once, for it is kept no longer. Throws when it is
   * not one whole message.
   */
  message(): Buffer {
    const all = this.#held.subarray(0, this.#bytes);
    this.#held = noBytes;
    if (!this.#isPrefixed) return all;
    if (all.length === 0) throw unimplemented(`missing input message for ${this.#kind} method`);
    if (all.length < PREFIX_BYTES) throw incomplete();
    const end = PREFIX_BYTES + this.#lengthIn(all);
    if (all.length < end) throw incomplete();
    if (isCompressed(all)) throw compressed();
    if (all.length > end) throw this.#faultOf(all.subarray(end));
    return all.subarray(PREFIX_BYTES, end);
  }

  /** Small pieces are not kept one by one: each would take many times its own bytes. */
  #grow(bytes: number): void {
    const held = Buffer.allocUnsafeSlow(Math.max(bytes, Math.min(2 * bytes, this.#mostBytes)));
    held.set(this.#held.subarray(0, this.#bytes));
    this.#held = held;
  }

  /** The largest message, and the prefixes of it and another one. */
  get #mostBytes(): number {
    return this.#maxBytes + 2 * PREFIX_BYTES;
  }

  #lengthIn(head: Buffer): number {
    const length = head.readUInt32BE(1);
    if (length > this.#maxBytes) throw tooLarge(this.#maxBytes, length);
    return length;
  }

  /** What is wrong with what comes behind the message. */
  #faultOf(more: Buffer): ConnectError {
    if (more.length < PREFIX_BYTES) return incomplete();
    const length = more.readUInt32BE(1);
    if (length > this.#maxBytes) return tooLarge(this.#maxBytes, length);
    if (more.length < PREFIX_BYTES + length && this.#bytes <= this.#mostBytes) return incomplete();
    if (isCompressed(more)) return compressed();
    return unimplemented(`received extra input message for ${this.#kind} method`);
  }
}

function isCompressed(head: Buffer): boolean {
  return ((head[0] as number) & 1) === 1;
}

function compressed(): ConnectError {
  const text = 'received compressed envelope, but do not know how to decompress';
  return new ConnectError(text, Code.Internal);
}

function tooLarge(maxBytes: number, bytes?: number): ConnectError {
  const size = bytes === undefined ? '' : ` ${bytes}`;
  const text = `message size${size} is larger than configured readMaxBytes ${maxBytes}`;
  return new ConnectError(text, Code.ResourceExhausted);
}

function incomplete(): ConnectError {
  return new ConnectError('protocol error: incomplete envelope', Code.InvalidArgument);
}

function unimplemented(text: string): ConnectError {
  return new ConnectError(`protocol error: ${text}`, Code.Unimplemented);
}
