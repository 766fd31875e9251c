import {
  defaultMaxFrameBytes,
  defaultWindowBytes,
  frameFlag,
  frameOf,
  frameType,
  greatestWindowBytes,
  PeerFault,
} from './frames.ts';
import type { Outbox } from './outbox.ts';

/** The body of a call that the peer does not take whole yet. */
interface Waiting {
  readonly id: number;
  readonly content: Uint8Array;
  sentBytes: number;
  windowBytes: number;
}

/** How much the peer takes (RFC 9113, section 5.2), and the bodies that wait for it. */
export class SendFlow {
  #windowBytes = defaultWindowBytes;
  #initialWindowBytes = defaultWindowBytes;
  #maxFrameBytes = defaultMaxFrameBytes;
  /** In the order in which they came. */
  #waiting: Waiting[] = [];

  set maxFrameBytes(bytes: number) {
    this.#maxFrameBytes = bytes;
  }

  /** Takes a body of so many bytes out of the windows. False: it must wait, or be cut. */
  take(length: number): boolean {
    const most = Math.min(this.#windowBytes, this.#initialWindowBytes, this.#maxFrameBytes);
    if (length > most) return false;
    this.#windowBytes -= length;
    return true;
  }

  /** Lets a body wait for its turn. */
  wait(id: number, content: Uint8Array): void {
    this.#waiting.push({ id, content, sentBytes: 0, windowBytes: this.#initialWindowBytes });
  }

  /** Forgets the body of a call that has ended. False: it was sent. */
  forget(id: number): boolean {
    if (this.#waiting.length === 0) return false;
    const left = this.#waiting.filter((one) => one.id !== id);
    const found = left.length < this.#waiting.length;
    this.#waiting = left;
    return found;
  }

  /** The peer takes more; stream 0 is the connection. A stream that waits for nothing does not matter. */
  widen(id: number, bytes: number): void {
    if (bytes === 0) throw new PeerFault('a window update of nothing');
    if (id === 0) {
      this.#windowBytes += bytes;
      if (this.#windowBytes > greatestWindowBytes) throw new PeerFault('a window too wide');
      return;
    }
    const one = this.#waiting.find((waiting) => waiting.id === id);
    if (one) one.windowBytes += bytes;
  }

  /** The window that streams begin with is another one, also for those that are under way. */
  set initialWindowBytes(bytes: number) {
    if (bytes > greatestWindowBytes) throw new PeerFault('a window too wide');
    for (const one of this.#waiting) one.windowBytes += bytes - this.#initialWindowBytes;
    this.#initialWindowBytes = bytes;
  }

  /** Writes what the peer takes now. */
  write(outbox: Outbox): void {
    for (const one of this.#waiting) this.#writeOne(one, outbox);
    if (this.#waiting.length > 0) {
      this.#waiting = this.#waiting.filter((one) => one.sentBytes < one.content.length);
    }
  }

  #writeOne(one: Waiting, outbox: Outbox): void {
    for (;;) {
      const left = one.content.length - one.sentBytes;
      const length = Math.min(left, this.#windowBytes, one.windowBytes, this.#maxFrameBytes);
      if (length <= 0) return;
      const content = one.content.subarray(one.sentBytes, one.sentBytes + length);
      const flags = length === left ? frameFlag.endStream : 0;
      outbox.add(frameOf(frameType.data, { flags, id: one.id, content }));
      one.sentBytes += length;
      one.windowBytes -= length;
      this.#windowBytes -= length;
    }
  }
}
