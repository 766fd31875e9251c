import type { Socket } from 'node:net';

/** Memory of which the bytes from `usedBytes` on are free; who writes moves it on. */
export interface Room {
  readonly bytes: Uint8Array;
  usedBytes: number;
}

const slabBytes = 256 * 1024;

/** A piece of memory that frames are written into. */
class Slab implements Room {
  readonly bytes: Buffer;
  usedBytes = 0;
  flushedBytes = 0;
  /** Writes that the socket has not done yet. */
  pending = 0;
  readonly written = () => {
    this.pending--;
  };

  constructor(bytes: number) {
    this.bytes = Buffer.allocUnsafeSlow(bytes);
  }

  get idle(): boolean {
    return this.pending === 0 && this.flushedBytes === this.usedBytes;
  }

  reset(): void {
    this.usedBytes = 0;
    this.flushedBytes = 0;
  }
}

/** Gathers the frames of a turn, so that one write takes them all. */
export class Outbox {
  readonly #socket: Socket;
  #slab = new Slab(slabBytes);
  /** Full ones that the socket may still read from, the oldest first. */
  #retired: Slab[] = [];

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Room for at least so many bytes. */
  room(length: number): Room {
    if (this.#slab.idle) this.#slab.reset();
    if (this.#slab.usedBytes + length > this.#slab.bytes.length) this.#turnOver(length);
    return this.#slab;
  }

  /** Adds a frame. */
  add(frame: Uint8Array): void {
    const room = this.room(frame.length);
    room.bytes.set(frame, room.usedBytes);
    room.usedBytes += frame.length;
  }

  /** Gives the socket what was gathered. */
  flush(): void {
    const slab = this.#slab;
    if (slab.flushedBytes === slab.usedBytes) return;
    const chunk = slab.bytes.subarray(slab.flushedBytes, slab.usedBytes);
    slab.flushedBytes = slab.usedBytes;
    slab.pending++;
    this.#socket.write(chunk, slab.written);
  }

  #turnOver(length: number): void {
    this.flush();
    if (this.#slab.bytes.length === slabBytes) this.#retired.push(this.#slab);
    const reusable = length <= slabBytes && this.#retired[0]?.idle;
    this.#slab = (reusable && this.#retired.shift()) || new Slab(Math.max(slabBytes, length));
    this.#slab.reset();
  }
}
