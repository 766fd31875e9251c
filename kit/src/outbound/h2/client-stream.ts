import { h2Error, WINDOW_MAX_BYTES } from '../../h2/frames.ts';
import { ReceiveWindow } from '../../h2/receive-window.ts';
import type { Outgoing } from '../../h2/sender.ts';
import type { ClientSession } from './client-session.ts';
import { StreamReset } from './faults.ts';
import type { ClientRequest } from './request.ts';

/** What a peer may send of an answer before it is read. */
export const STREAM_WINDOW_BYTES = 1024 * 1024;
/** So many pieces that wait are made one: each costs by itself, and holds all that it came with. */
const JOINED_PIECES = 64;

/** Takes an answer as it comes. The last that it is told is `onEnd` or `onFail`, once. */
export interface AnswerListener {
  /** The headers: names and values in turn. */
  onHead(fields: readonly string[]): void;
  onData(piece: Buffer): void;
  /** Headers behind the body. */
  onTrailers(fields: readonly string[]): void;
  /** All of it has come. */
  onEnd(): void;
  /** The rest does not come: StreamReset, ConnectionLost, or an error of the socket's. */
  onFail(error: Error): void;
}

/** A request on its way, and its answer. */
export class ClientStream implements Outgoing<ClientRequest> {
  readonly id: number;
  readonly message: ClientRequest;
  windowBytes: number;
  headSent = false;
  sentBytes = 0;
  closed = false;
  readonly #session: ClientSession;
  readonly #listener: AnswerListener;
  readonly #window = new ReceiveWindow(STREAM_WINDOW_BYTES);
  #unread: Buffer[] | undefined;
  /** How many of them, from the end, are not joined. */
  #loosePieces = 0;
  #isResuming = false;
  #trailers: readonly string[] | undefined;
  #isPaused = false;
  #hasHead = false;
  /** The peer sends nothing more. */
  #remoteEnded = false;
  /** The listener is told no more. */
  #isTold = false;

  constructor(
    id: number,
    session: ClientSession,
    { windowBytes, message, listener }: ClientStreamOpening,
  ) {
    this.id = id;
    this.#session = session;
    this.windowBytes = windowBytes;
    this.message = message;
    this.#listener = listener;
  }

  /** Has the peer wait, as far as its window allows. */
  pause(): void {
    this.#isPaused = true;
  }

  /** Goes on after `pause`. */
  resume(): void {
    this.#isPaused = false;
    // When it was called from within, the rest is given from there.
    if (this.#isResuming) return;
    this.#isResuming = true;
    while (!this.#isPaused && this.#unread) {
      const piece = this.#unread.shift();
      if (piece) this.#give(piece);
      else this.#unread = undefined;
    }
    this.#isResuming = false;
    this.#loosePieces = Math.min(this.#loosePieces, this.#unread?.length ?? 0);
    if (!this.#isPaused && this.#remoteEnded) this.#end();
  }

  /** Wants no more of it. Nothing is told any more. */
  cancel(): void {
    this.#isTold = true;
    this.#forget();
    this.#session.reset(this, h2Error.cancel);
  }

  // What the session tells.

  /** Takes headers. Returns the error that they are, if they are one. */
  headers(fields: readonly string[], ends: boolean): number | undefined {
    if (this.#remoteEnded) return h2Error.streamClosed;
    if (this.#hasHead) {
      if (!ends) return h2Error.protocol;
      this.#trailers = fields;
    } else if (fields[0] !== ':status') return h2Error.protocol;
    else if (isInterim(fields)) return ends ? h2Error.protocol : undefined;
    else {
      this.#hasHead = true;
      if (!this.#isTold) this.#listener.onHead(fields);
    }
    if (ends) this.#remoteEnd();
    return undefined;
  }

  /** Takes a piece of the body. Returns the error that it is, if it is one. */
  data(piece: Buffer, ends: boolean): number | undefined {
    if (this.#remoteEnded) return h2Error.streamClosed;
    if (!this.#hasHead) return h2Error.protocol;
    if (!this.#window.take(piece.length)) return h2Error.flowControl;
    if (piece.length > 0) {
      if (!this.#isPaused) this.#give(piece, ends);
      else this.#keep(piece);
    }
    if (ends) this.#remoteEnd();
    return undefined;
  }

  /** Takes what counts as a piece does, and is nothing. Returns the error that it is, if it is one. */
  padding(bytes: number): number | undefined {
    if (!this.#window.take(bytes)) return h2Error.flowControl;
    const more = this.#window.read(bytes);
    if (more > 0) this.#session.widen(this.id, more);
    return undefined;
  }

  /** All of the request was written. */
  sent(): void {
    this.closed = true;
    if (this.#remoteEnded) this.#session.over(this);
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

  /** It is over before its end. */
  fail(error: Error): void {
    this.closed = true;
    if (this.#isTold) return;
    this.#isTold = true;
    this.#forget();
    this.#listener.onFail(error);
  }

  /** The peer has reset it. */
  resetByPeer(code: number): void {
    this.fail(new StreamReset(code));
  }

  #give(piece: Buffer, ends = this.#remoteEnded): void {
    this.#session.credit(piece.length);
    const more = this.#window.read(piece.length);
    if (more > 0 && !ends) this.#session.widen(this.id, more);
    if (!this.#isTold) this.#listener.onData(piece);
  }

  #keep(piece: Buffer): void {
    this.#unread ??= [];
    this.#unread.push(piece);
    this.#loosePieces += 1;
    if (this.#loosePieces < JOINED_PIECES) return;
    this.#loosePieces = 0;
    this.#unread.push(Buffer.concat(this.#unread.splice(-JOINED_PIECES)));
  }

  #remoteEnd(): void {
    this.#remoteEnded = true;
    // Who has answered all does not want the rest of the request.
    if (this.closed) this.#session.over(this);
    else this.#session.reset(this, h2Error.cancel);
    if (!this.#isPaused) this.#end();
  }

  #end(): void {
    if (this.#isTold) return;
    const trailers = this.#trailers;
    this.#trailers = undefined;
    if (trailers) this.#listener.onTrailers(trailers);
    if (this.#isTold) return;
    this.#isTold = true;
    this.#listener.onEnd();
  }

  /** What nobody reads any more. */
  #forget(): void {
    for (const piece of this.#unread ?? []) this.#session.credit(piece.length);
    this.#unread = undefined;
  }
}

/** What a stream begins with. */
export interface ClientStreamOpening {
  /** What the peer takes of a request. */
  readonly windowBytes: number;
  readonly message: ClientRequest;
  readonly listener: AnswerListener;
}

const INTERIM = 0x31;

/** Whether an answer is only announced: its status is of those from 100 to 199. */
function isInterim([, status = '']: readonly string[]): boolean {
  return status.length === 3 && status.charCodeAt(0) === INTERIM;
}
