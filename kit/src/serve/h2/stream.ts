import { h2Error, WINDOW_MAX_BYTES } from '../../h2/frames.ts';
import { ReceiveWindow } from '../../h2/receive-window.ts';
import type { Outgoing } from '../../h2/sender.ts';
import type { LaneStream } from '../lane/lane-stream.ts';
import type { Reply } from './reply.ts';
import type { Session } from './session.ts';
import type { Streams } from './streams.ts';

/** What a peer may send of a body before it is read. */
export const STREAM_WINDOW_BYTES = 1024 * 1024;

/** What is known of a stream when it is opened. */
interface StreamOpening {
  readonly session: Session;
  readonly streams: Streams;
  /** The length of its body; NaN: nobody has said. */
  readonly promisedBytes: number;
  readonly windowBytes: number;
}

/** A stream of the fast lane. */
export class Stream implements LaneStream, Outgoing<Reply> {
  readonly id: number;
  readonly session: Session;
  readonly #streams: Streams;
  closed = false;
  destroyed = false;
  readableEnded = false;
  /** Of the sender: what the peer takes, and what it has been given. */
  windowBytes: number;
  message: Reply | undefined;
  headSent = false;
  sentBytes = 0;
  /** The peer sends nothing more. */
  #remoteEnded = false;
  #resetsWhenSent = false;
  #leftBytes: number;
  readonly #window = new ReceiveWindow(STREAM_WINDOW_BYTES);
  #unread: Buffer[] | undefined;
  #flowing = false;
  #onData: ((piece: Buffer) => void) | undefined;
  #onEnd: (() => void) | undefined;
  #onClose: (() => void) | undefined;

  constructor(id: number, opening: StreamOpening) {
    this.id = id;
    this.session = opening.session;
    this.#streams = opening.streams;
    this.windowBytes = opening.windowBytes;
    this.#leftBytes = opening.promisedBytes;
  }

  // What the lane asks for.

  on(event: 'data', listener: (piece: Buffer) => void): void;
  on(event: 'end' | 'close' | 'error', listener: () => void): void;
  on(event: string, listener: (piece: Buffer) => void): void {
    if (event === 'end') this.#onEnd = listener as () => void;
    else if (event === 'close') this.#onClose = listener as () => void;
    else if (event === 'data') {
      this.#onData = listener;
      this.resume();
    }
  }

  get writableLength(): number {
    if (this.message === undefined || this.closed) return 0;
    return (this.message.body?.length ?? 0) - this.sentBytes;
  }

  resume(): void {
    if (this.#flowing) return;
    this.#flowing = true;
    const unread = this.#unread ?? [];
    this.#unread = undefined;
    for (const piece of unread) this.#give(piece);
    if (this.#remoteEnded) this.#end();
  }

  /** Sends the answer, as the peer takes it. */
  answer(reply: Reply): void {
    this.message = reply;
    this.#streams.send(this);
  }

  close(code: number): void {
    if (this.closed) return;
    if (code === h2Error.none && this.message) this.#resetsWhenSent = true;
    else this.#streams.reset(this, code);
  }

  // What the session tells.

  /** Takes a piece of the body. Returns the error that it is, if it is one. */
  take(piece: Buffer, ends: boolean): number | undefined {
    if (this.#remoteEnded) return h2Error.streamClosed;
    if (!this.#window.take(piece.length)) return h2Error.flowControl;
    this.#leftBytes -= piece.length;
    if (this.#leftBytes < 0 || (ends && this.#leftBytes > 0)) return h2Error.protocol;
    if (piece.length > 0) {
      if (this.#flowing) this.#give(piece);
      else if (this.#unread) this.#unread.push(piece);
      else this.#unread = [piece];
    }
    if (!ends) return undefined;
    this.#remoteEnded = true;
    if (this.#flowing) this.#end();
    return undefined;
  }

  /** Takes what counts as a piece does, and is nothing. Returns the error that it is, if it is one. */
  padding(bytes: number): number | undefined {
    if (!this.#window.take(bytes)) return h2Error.flowControl;
    const more = this.#window.read(bytes);
    if (more > 0 && !this.#remoteEnded) this.#streams.widen(this.id, more);
    return undefined;
  }

  #give(piece: Buffer): void {
    this.#streams.credit(piece.length);
    const more = this.#window.read(piece.length);
    if (more > 0 && !this.#remoteEnded && !this.destroyed) this.#streams.widen(this.id, more);
    this.#onData?.(piece);
  }

  #end(): void {
    if (this.destroyed || this.readableEnded) return;
    this.readableEnded = true;
    this.#onEnd?.();
    this.#settle();
  }

  /** All of the answer was written. */
  sent(): void {
    this.closed = true;
    if (this.#resetsWhenSent && !this.#remoteEnded) this.#streams.reset(this, h2Error.none);
    else this.#settle();
  }

  /** When both directions are, the stream is over. */
  #settle(): void {
    if (!this.closed || !this.readableEnded || this.destroyed) return;
    this.#streams.over(this.id);
    this.destroy();
  }

  /** The peer takes so much more. Returns the error that it is, if it is one. */
  widen(bytes: number): number | undefined {
    if (bytes === 0) return h2Error.protocol;
    return this.resize(bytes) ? undefined : h2Error.flowControl;
  }

  /** The peer takes so much more, or less. False: more than there can be. */
  resize(bytes: number): boolean {
    this.windowBytes += bytes;
    return this.windowBytes <= WINDOW_MAX_BYTES;
  }

  /** It is over. */
  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.closed = true;
    for (const piece of this.#unread ?? []) this.#streams.credit(piece.length);
    this.#unread = undefined;
    this.#onClose?.();
  }
}
