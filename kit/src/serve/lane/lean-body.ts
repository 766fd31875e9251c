import { Code, ConnectError } from '@connectrpc/connect';
import type { LeanProtocol } from './lean-head.ts';

/** The prefix of a gRPC message: a flag of compression, and its length. */
export const PREFIX_BYTES = 5;

const noBytes = Buffer.alloc(0);

/**
 * Collects the one message of a unary call from the pieces in which it comes. What it throws is what the
 * RPC library throws.
 */
export class LeanBody {
  readonly #protocol: LeanProtocol;
  readonly #maxBytes: number;
  #first: Buffer | undefined;
  #more: Buffer[] | undefined;
  #bytes = 0;

  constructor(protocol: LeanProtocol, maxBytes: number) {
    this.#protocol = protocol;
    this.#maxBytes = maxBytes;
  }

  /** Takes a piece. Throws RESOURCE_EXHAUSTED as soon as it is known to be too much. */
  add(chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#first === undefined) this.#first = chunk;
    else {
      this.#more ??= [this.#first];
      this.#more.push(chunk);
    }
    const prefix = this.#protocol === 'grpc' ? PREFIX_BYTES : 0;
    if (this.#bytes > this.#maxBytes + prefix) throw tooLarge(this.#maxBytes);
    // Promised is as good as sent.
    if (prefix > 0 && this.#first.length >= PREFIX_BYTES) this.#look(this.#first);
  }

  /** The message, when all of it has come. Throws when that is not one whole message. */
  message(): Buffer {
    const all = this.#more ? Buffer.concat(this.#more, this.#bytes) : (this.#first ?? noBytes);
    if (this.#protocol === 'connect') return all;
    if (all.length === 0) throw unimplemented('missing input message for unary method');
    if (all.length < PREFIX_BYTES) throw incomplete();
    const end = PREFIX_BYTES + this.#look(all);
    if (all.length < end) throw incomplete();
    if (all.length > end) throw unimplemented('received extra input message for unary method');
    if (((all[0] as number) & 1) === 1) {
      const text = 'received compressed envelope, but do not know how to decompress';
      throw new ConnectError(text, Code.Internal);
    }
    return all.subarray(PREFIX_BYTES, end);
  }

  #look(head: Buffer): number {
    const length = head.readUInt32BE(1);
    if (length > this.#maxBytes) throw tooLarge(this.#maxBytes, length);
    return length;
  }
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
