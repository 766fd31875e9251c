import {
  FrameFault,
  frameOf,
  h2Error,
  kind,
  protocolFault,
  resetFrame,
  setting,
  settingsFrame,
  WINDOW_BYTES,
} from '../../h2/frames.ts';
import type { FieldList } from '../../h2/hpack-decoder.ts';
import type { Patience } from '../../h2/patience.ts';
import { ReceiveWindow } from '../../h2/receive-window.ts';
import type { Sender } from '../../h2/sender.ts';
import { TransientMap } from '../../transient.ts';
import type { FastLane } from '../lane/lane.ts';
import { Bridge, type WholeServer } from './bridge.ts';
import type { Reply } from './reply.ts';
import { promisedLength, readRequestHead } from './request-head.ts';
import type { Session } from './session.ts';
import { Stream } from './stream.ts';

export const CONNECTION_WINDOW_BYTES = 8 * 1024 * 1024;
const nothing = Buffer.alloc(0);

/** Where streams go. */
export interface StreamHost {
  readonly limits: { readonly streamsPerConnection: number; readonly headersMaxBytes: number };
  readonly lane: FastLane;
  /** Serves what is not of the fast lane. */
  readonly whole: WholeServer;
}

/** What the streams of a connection have in common. */
interface Shared {
  readonly sender: Sender<Reply>;
  readonly patience: Patience;
}

/** The streams of a connection: those of the fast lane, and those that are led over the bridge. */
export class Streams {
  readonly #host: StreamHost;
  readonly #session: Session;
  readonly #sender: Sender<Reply>;
  readonly #patience: Patience;
  /** Undefined: it is behind the bridge. */
  readonly #open = new TransientMap<number, Stream | undefined>();
  readonly #window = new ReceiveWindow(CONNECTION_WINDOW_BYTES);
  #bridge: Bridge | undefined;
  /** The window of streams to the peer, in the beginning. */
  #initialWindowBytes = WINDOW_BYTES;
  /** The last one that the peer has opened. */
  last = 0;
  /** Since when there is none. */
  idleSinceMs = performance.now();

  constructor(host: StreamHost, session: Session, { sender, patience }: Shared) {
    this.#host = host;
    this.#session = session;
    this.#sender = sender;
    this.#patience = patience;
  }

  get size(): number {
    return this.#open.size;
  }

  destroy(): void {
    this.#bridge?.destroy();
    for (const stream of this.#open.values()) stream?.destroy();
    this.#open.clear();
  }

  // What streams ask for.

  send(stream: Stream): void {
    this.#sender.send(stream);
  }

  reset(stream: Stream, code: number): void {
    if (!this.#session.destroyed) this.#sender.control(resetFrame(stream.id, code));
    this.over(stream.id);
    stream.destroy();
  }

  /** A stream is over. */
  over(id: number): void {
    if (!this.#open.delete(id) || this.#open.size > 0) return;
    this.idleSinceMs = performance.now();
    this.#session.endIfDone();
  }

  /** Bytes were read: the peer may send as many more. */
  credit(bytes: number): void {
    const more = this.#window.read(bytes);
    if (more > 0) this.#session.widen(0, more);
  }

  widen(stream: number, bytes: number): void {
    this.#session.widen(stream, bytes);
  }

  // What the peer sends.

  /** Headers of a request, or behind one. */
  headers({ stream: id, ends }: { stream: number; ends: boolean }, list: FieldList): void {
    if (this.#open.has(id)) {
      const stream = this.#open.get(id);
      if (stream === undefined) this.#bridge?.headers(id, list.fields, ends);
      else this.#judge(stream, ends ? stream.take(nothing, true) : h2Error.protocol);
      return;
    }
    if (id % 2 === 0) throw protocolFault('a stream that a client cannot open');
    const isLate = id <= this.last;
    this.last = Math.max(id, this.last);
    if (isLate) this.#patience.tax();
    // Whoever has heard that no more are taken sends it again elsewhere.
    else if (!this.#session.closing) this.#begin(id, list, ends);
  }

  #begin(id: number, { fields, isWhole }: FieldList, ends: boolean): void {
    if (this.#open.size >= this.#host.limits.streamsPerConnection) {
      this.#refuse(id, h2Error.refusedStream);
    } else if (!isWhole) this.#refuse(id, h2Error.calm);
    else if (ends || !this.#takenByLane(id, fields)) {
      this.#open.set(id, undefined);
      this.#bridge ??= this.#openBridge();
      this.#bridge.headers(id, fields, ends);
    }
  }

  #takenByLane(id: number, fields: readonly string[]): boolean {
    const headers = readRequestHead(fields);
    const promisedBytes = headers && promisedLength(headers);
    if (headers === undefined || promisedBytes === undefined) return false;
    const windowBytes = this.#initialWindowBytes;
    const stream = new Stream(id, {
      session: this.#session,
      streams: this,
      promisedBytes,
      windowBytes,
    });
    this.#open.set(id, stream);
    return this.#host.lane.take(stream, headers, fields);
  }

  #openBridge(): Bridge {
    return new Bridge(this.#host.whole, this.#sender, {
      socket: this.#session.socket,
      initialWindowBytes: this.#initialWindowBytes,
      windowBytes: CONNECTION_WINDOW_BYTES,
      credit: (bytes) => this.credit(bytes),
      over: (id) => this.over(id),
      sent: () => this.#session.endIfDone(),
      ended: () => this.#session.end(),
    });
  }

  #refuse(id: number, code: number): void {
    this.#patience.tax();
    this.#sender.control(resetFrame(id, code));
  }

  /** Resets a stream of which the peer does what it may not; undefined: it does not. */
  #judge(stream: Stream, code: number | undefined): void {
    if (code === undefined) return;
    this.#patience.tax();
    this.reset(stream, code);
  }

  data(id: number, piece: Buffer, ends: boolean): void {
    this.#take(piece.length);
    if (piece.length === 0 && !ends) this.#patience.tax();
    if (!this.#open.has(id)) {
      this.#mustHaveBeen(id);
      this.credit(piece.length);
      return;
    }
    const stream = this.#open.get(id);
    if (stream === undefined) this.#bridge?.body(id, piece, ends);
    else this.#judge(stream, stream.take(piece, ends));
  }

  /** It counts as content does, and is nobody's. */
  padding(id: number, bytes: number): void {
    this.#take(bytes);
    this.credit(bytes);
    const stream = this.#open.get(id);
    if (stream) this.#judge(stream, stream.padding(bytes));
    // The session behind the bridge never sees it.
    else if (this.#open.has(id)) this.widen(id, bytes);
  }

  #take(bytes: number): void {
    if (!this.#window.take(bytes)) throw new FrameFault(h2Error.flowControl, 'too much at once');
  }

  windowUpdate(id: number, content: Buffer): void {
    const bytes = content.readUInt32BE() & 0x7fffffff;
    const stream = this.#open.get(id);
    if (id === 0) this.#sender.widen(bytes);
    else if (stream !== undefined) this.#judge(stream, stream.widen(bytes));
    else if (!this.#open.has(id)) this.#mustHaveBeen(id);
    else this.#bridge?.forward(frameOf(kind.windowUpdate, id, content));
    this.#sender.ask();
  }

  resetByPeer(id: number, content: Buffer): void {
    const stream = this.#open.get(id);
    if (!this.#open.has(id)) this.#mustHaveBeen(id);
    else if (stream === undefined) this.#bridge?.reset(id, content);
    this.over(id);
    stream?.destroy();
  }

  /** Streams begin with another window to the peer, also those that are under way. */
  resize(bytes: number): void {
    const more = bytes - this.#initialWindowBytes;
    this.#initialWindowBytes = bytes;
    for (const stream of this.#open.values()) {
      if (stream && !stream.resize(more)) throw new FrameFault(h2Error.flowControl, 'too wide');
    }
    this.#bridge?.forward(settingsFrame([[setting.initialWindowSize, bytes]]));
    this.#sender.ask();
  }

  #mustHaveBeen(id: number): void {
    if (id % 2 === 0 || id > this.last) throw protocolFault('a stream that was not opened');
  }
}
