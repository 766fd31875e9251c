import type { Socket } from 'node:net';
import {
  FRAME_MAX_BYTES,
  FrameFault,
  flag,
  frameOf,
  HEAD_BYTES,
  h2Error,
  kind,
  putHead,
  WINDOW_BYTES,
  WINDOW_MAX_BYTES,
} from './frames.ts';

/** What is sent in a stream: headers, and maybe more. */
export interface Message {
  readonly body?: Uint8Array | undefined;
  readonly trailers?: { readonly block: Buffer } | undefined;
}

/** Writes the headers of messages, without a table. */
export interface BlockWriter<M> {
  /** The most bytes that the block of a message takes. */
  maxBytes(message: M): number;
  /** Writes it; returns where it ends. */
  put(bytes: Buffer, at: number, message: M): number;
}

/** A stream with something to send. */
export interface Outgoing<M> {
  readonly id: number;
  readonly message: M | undefined;
  /** Nothing more is to be sent. */
  readonly closed: boolean;
  /** What the peer takes, and what it has been given. */
  windowBytes: number;
  headSent: boolean;
  sentBytes: number;
  /** All of it was written. */
  sent(): void;
}

const SCRATCH_BYTES = 64 * 1024;
/** A socket that has so much to get rid of is given no more. */
const BACKLOG_BYTES = 512 * 1024;
/** More frames of the connection itself do not wait, for a peer that asks for them without end. */
const CONTROL_MAX_FRAMES = 1_000;
/** The table of the peer is emptied (RFC 7541, 6.3): what is sent needs none. */
const emptyTable = 0x20;
const noBytes = Buffer.alloc(0);

/** Frames are gathered here. It is one for all connections: each writes all that it can at once. */
let scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);

/** Sends what a connection has to say: once in a turn, as far as the peer takes it (RFC 9113, 5.2). */
export class Sender<M extends Message> {
  readonly #socket: Socket;
  readonly #blocks: BlockWriter<M>;
  readonly #isEncrypted: boolean;
  #control: Buffer[] = [];
  readonly #relayed: Buffer[] = [];
  /** Those whose message has not been sent, in the order in which they were given. */
  #streams: Outgoing<M>[] = [];
  #windowBytes = WINDOW_BYTES;
  #usedBytes = 0;
  #asked = false;
  /** What of `relay` has not been sent. */
  relayedBytes = 0;
  /** Told when some of it was. */
  onRelayed: (() => void) | undefined;
  /** Whether the next block has to say that the peer's table is not used, as one that is made smaller asks for. */
  emptiesTable = false;

  constructor(socket: Socket, blocks: BlockWriter<M>) {
    this.#socket = socket;
    this.#blocks = blocks;
    this.#isEncrypted = 'encrypted' in socket;
  }

  /** Sends a frame that no window bounds. */
  control(frame: Buffer): void {
    this.#control.push(frame);
    this.ask();
  }

  /** Throws FrameFault when the peer asks for more than it reads. */
  checkBacklog(): void {
    if (this.#control.length > CONTROL_MAX_FRAMES) {
      throw new FrameFault(h2Error.calm, 'it does not read what it asks for');
    }
  }

  /** Sends the message of a stream. */
  send(stream: Outgoing<M>): void {
    this.#streams.push(stream);
    this.ask();
  }

  /** Sends frames of another session, in their order; of DATA what the window takes. */
  relay(frame: Buffer): void {
    this.#relayed.push(frame);
    this.relayedBytes += frame.length;
    this.ask();
  }

  /** The peer takes so much more. Throws FrameFault when that cannot be. */
  widen(bytes: number): void {
    this.#windowBytes += bytes;
    if (bytes === 0) throw new FrameFault(h2Error.protocol, 'a window update of nothing');
    if (this.#windowBytes > WINDOW_MAX_BYTES) {
      throw new FrameFault(h2Error.flowControl, 'too wide a window');
    }
  }

  /** Sends what it can at the end of this turn. */
  ask(): void {
    if (this.#asked) return;
    this.#asked = true;
    process.nextTick(this.#flushAsked);
  }

  readonly #flushAsked = () => {
    this.#asked = false;
    this.flush();
  };

  /** Sends what it can now. */
  flush(): void {
    if (this.#socket.destroyed) return;
    if (this.#isFull()) {
      // A peer that never reads holds nothing of what is over.
      this.#streams = this.#streams.filter((stream) => !stream.closed);
      return;
    }
    const control = this.#control;
    if (control.length > 0) {
      this.#control = [];
      for (const frame of control) this.#put(frame);
    }
    const relays = this.#relayed.length > 0;
    if (relays) this.#putRelayed();
    const done = this.#streams.length > 0 ? this.#putMessages() : [];
    this.#write();
    // Whoever is told may send more, here or on other connections: what was gathered has left.
    for (const stream of done) stream.sent();
    if (relays) this.onRelayed?.();
  }

  /** Returns those that were written whole. */
  #putMessages(): Outgoing<M>[] {
    const done: Outgoing<M>[] = [];
    const streams = this.#streams;
    this.#streams = [];
    for (const stream of streams) {
      if (stream.closed) continue;
      const isDone = this.#putMessage(stream, stream.message as M);
      (isDone ? done : this.#streams).push(stream);
    }
    return done;
  }

  #isFull(): boolean {
    return this.#socket.writableLength > BACKLOG_BYTES;
  }

  #put(frame: Uint8Array): void {
    this.#makeRoom(frame.length);
    scratch.set(frame, this.#usedBytes);
    this.#usedBytes += frame.length;
  }

  #makeRoom(bytes: number): void {
    if (this.#usedBytes + bytes > SCRATCH_BYTES) this.#write();
  }

  #write(): void {
    if (this.#usedBytes === 0) return;
    const bytes = scratch.subarray(0, this.#usedBytes);
    this.#usedBytes = 0;
    // What the system does not take at once stays where it is until it does.
    const waits = this.#isEncrypted || this.#socket.writableLength > 0;
    this.#socket.write(waits ? Buffer.from(bytes) : bytes);
    if (!waits && this.#socket.writableLength > 0) scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
  }

  /** True: all of it is written. */
  #putMessage(stream: Outgoing<M>, message: M): boolean {
    if (!stream.headSent) this.#putHeaders(stream, message);
    const body = message.body ?? noBytes;
    while (stream.sentBytes < body.length) {
      const left = body.length - stream.sentBytes;
      const length = Math.min(left, this.#windowBytes, stream.windowBytes, FRAME_MAX_BYTES);
      if (length <= 0 || this.#isFull()) return false;
      const ends = length === left && message.trailers === undefined;
      this.#putData(
        stream,
        body.subarray(stream.sentBytes, stream.sentBytes + length),
        ends ? flag.end : 0,
      );
    }
    if (message.trailers) {
      const flags = flag.endHeaders | flag.end;
      this.#put(frameOf(kind.headers, stream.id, message.trailers.block, flags));
    }
    return true;
  }

  #putHeaders(stream: Outgoing<M>, message: M): void {
    this.#makeRoom(HEAD_BYTES + 1 + this.#blocks.maxBytes(message));
    stream.headSent = true;
    const start = this.#usedBytes + HEAD_BYTES;
    if (this.emptiesTable) scratch[start] = emptyTable;
    const end = this.#blocks.put(scratch, this.emptiesTable ? start + 1 : start, message);
    this.emptiesTable = false;
    const ends = !message.body?.length && message.trailers === undefined ? flag.end : 0;
    putHead(scratch, this.#usedBytes, {
      ...{ kind: kind.headers, flags: flag.endHeaders | ends },
      ...{ stream: stream.id, length: end - start },
    });
    this.#usedBytes = end;
  }

  #putData(stream: Outgoing<M>, piece: Uint8Array, flags: number): void {
    const { length } = piece;
    this.#makeRoom(HEAD_BYTES + length);
    const at = putHead(scratch, this.#usedBytes, {
      kind: kind.data,
      flags,
      stream: stream.id,
      length,
    });
    scratch.set(piece, at);
    this.#usedBytes = at + length;
    this.#windowBytes -= length;
    stream.windowBytes -= length;
    stream.sentBytes += length;
  }

  #putRelayed(): void {
    let sent = 0;
    for (const frame of this.#relayed) {
      const length = frame[3] === kind.data ? frame.length - HEAD_BYTES : 0;
      if (length > 0 && (this.#windowBytes <= 0 || this.#isFull())) break;
      if (length > this.#windowBytes) {
        this.#relayed[sent] = this.#cut(frame);
        break;
      }
      this.#windowBytes -= length;
      this.relayedBytes -= frame.length;
      this.#put(frame);
      sent += 1;
    }
    this.#relayed.splice(0, sent);
  }

  /** Sends what the window takes of a DATA frame. Returns the rest. */
  #cut(frame: Buffer): Buffer {
    const end = HEAD_BYTES + this.#windowBytes;
    const stream = frame.readUInt32BE(5);
    this.#put(frameOf(kind.data, stream, frame.subarray(HEAD_BYTES, end)));
    this.relayedBytes -= this.#windowBytes;
    this.#windowBytes = 0;
    return frameOf(kind.data, stream, frame.subarray(end), frame[4]);
  }
}
