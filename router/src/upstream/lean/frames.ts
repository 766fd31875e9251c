import { Code, ConnectError } from '@connectrpc/connect';

/** Before each message of gRPC: a byte of flags, and the length in four. */
export const PREFIX_BYTES = 5;
/** A little above the limit of an item, so that one item always fits a message. */
export const READ_MAX_BYTES = 5 * 1024 * 1024;
const COMPRESSED_FLAG = 1;

/** Writes the prefix of a message that is not compressed; returns where the message begins. */
export function writePrefix(buffer: Buffer, bytes: number): number {
  buffer[0] = 0;
  buffer.writeUInt32BE(bytes, 1);
  return PREFIX_BYTES;
}

/** Puts its prefix before an encoded message. */
export function framed(message: Uint8Array): Buffer {
  const buffer = Buffer.allocUnsafe(PREFIX_BYTES + message.length);
  buffer.set(message, writePrefix(buffer, message.length));
  return buffer;
}

/** A message as it came. */
export interface Frame {
  readonly compressed: boolean;
  readonly bytes: Buffer;
}

const noBytes = Buffer.alloc(0);

/**
 * Takes an answer apart into its messages, whichever way it is cut into chunks. What a message
 * announces is refused before any of it is collected, when it is larger than messages may be.
 */
export class FrameReader {
  private chunk: Buffer = noBytes;
  private at = 0;
  private readonly prefix = Buffer.alloc(PREFIX_BYTES);
  private prefixBytes = 0;
  /** Of a message that is not whole. */
  private body: Buffer | undefined;
  private bodyBytes = 0;

  /** Whether part of a message is here, and the rest is not. */
  get partial(): boolean {
    return this.prefixBytes > 0 || this.at < this.chunk.length;
  }

  /** Gives it a chunk; the messages that are whole are had by `take`. */
  push(chunk: Buffer): void {
    const left = this.chunk.length - this.at;
    this.chunk = left === 0 ? chunk : Buffer.concat([this.chunk.subarray(this.at), chunk]);
    this.at = 0;
  }

  /**
   * The next message that is whole; it may be a view of a chunk.
   *
   * @throws {ConnectError} resource_exhausted: it would be larger than messages may be
   */
  take(): Frame | undefined {
    if (this.body === undefined) {
      if (!this.readPrefix()) return undefined;
      const bytes = this.prefix.readUInt32BE(1);
      if (bytes > READ_MAX_BYTES) throw tooLarge(bytes);
      if (this.chunk.length - this.at >= bytes) {
        const from = this.at;
        this.at += bytes;
        return this.whole(this.chunk.subarray(from, this.at));
      }
      this.body = Buffer.allocUnsafeSlow(bytes);
      this.bodyBytes = 0;
    }
    const copied = this.chunk.copy(this.body, this.bodyBytes, this.at);
    this.at += copied;
    this.bodyBytes += copied;
    return this.bodyBytes === this.body.length ? this.whole(this.body) : undefined;
  }

  private readPrefix(): boolean {
    const copied = this.chunk.copy(this.prefix, this.prefixBytes, this.at);
    this.at += copied;
    this.prefixBytes += copied;
    return this.prefixBytes === PREFIX_BYTES;
  }

  private whole(bytes: Buffer): Frame {
    this.prefixBytes = 0;
    this.body = undefined;
    return { compressed: ((this.prefix[0] as number) & COMPRESSED_FLAG) !== 0, bytes };
  }
}

function tooLarge(bytes: number): ConnectError {
  const text = `a message of ${bytes} bytes is larger than the ${READ_MAX_BYTES} that are read`;
  return new ConnectError(text, Code.ResourceExhausted);
}
