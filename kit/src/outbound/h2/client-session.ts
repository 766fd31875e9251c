import type { Socket } from 'node:net';
import { FrameReader, type FrameSink } from '../../h2/frame-reader.ts';
import * as frames from '../../h2/frames.ts';
import {
  FrameFault,
  type FrameHead,
  flag,
  frameOf,
  h2Error,
  kind,
  ofLength,
  protocolFault,
  setting,
} from '../../h2/frames.ts';
import { HeaderBlocks } from '../../h2/header-blocks.ts';
import { type FieldList, HpackDecoder } from '../../h2/hpack-decoder.ts';
import { Patience } from '../../h2/patience.ts';
import { readSettings } from '../../h2/peer-settings.ts';
import { ReceiveWindow } from '../../h2/receive-window.ts';
import { Sender } from '../../h2/sender.ts';
import { TransientMap, TransientSet } from '../../transient.ts';
import { type AnswerListener, ClientStream, STREAM_WINDOW_BYTES } from './client-stream.ts';
import { ConnectionLost, StreamReset } from './faults.ts';
import { type ClientRequest, REQUEST_HEADERS_MAX_BYTES, requestBlocks } from './request.ts';

/** How much a peer may send of all answers together before they are read. */
const CONNECTION_WINDOW_BYTES = 8 * 1024 * 1024;
const ANSWER_HEADERS_MAX_BYTES = 64 * 1024;
/** Numbers of streams end here (RFC 9113, 5.1.1). */
const LAST_STREAM = 2 ** 31 - 1;
const PING_BYTES = 8;
/** What is to be sent before the end has so long; then a peer that does not read it loses it. */
const LAST_WRITE_MS = 5_000;
const nothing = Buffer.alloc(0);

/** Who has a session. */
export interface SessionListener {
  /** It can be used: the peer has told its settings. */
  onOpen(): void;
  /** Something came. */
  onHeard(): void;
  /** It takes no more streams; what the peer says to that. Once. */
  onLeaving(text: Buffer): void;
  /** It is over, and all streams in it, because of this. Once. */
  onClose(error: Error): void;
}

/** A connection on which HTTP/2 is spoken (RFC 9113), from the client's side. */
export class ClientSession implements FrameSink {
  readonly #socket: Socket;
  readonly #listener: SessionListener;
  readonly #reader = new FrameReader(this);
  readonly #decoder = new HpackDecoder(ANSWER_HEADERS_MAX_BYTES);
  readonly #blocks: HeaderBlocks;
  readonly #sender: Sender<ClientRequest>;
  readonly #patience = new Patience();
  readonly #open = new TransientMap<number, ClientStream>();
  /** Those of them that the peer does not take yet, in their order. */
  readonly #waiting = new TransientSet<ClientStream>();
  readonly #window = new ReceiveWindow(CONNECTION_WINDOW_BYTES);
  readonly #pings: (() => void)[] = [];
  /** The window of streams to the peer, in the beginning. */
  #initialWindowBytes = frames.WINDOW_BYTES;
  #maxStreams = Number.POSITIVE_INFINITY;
  #nextStream = 1;
  #isGreeted = false;
  #isLeaving = false;
  #isClosed = false;
  /** Since when no stream is open. */
  idleSinceMs = performance.now();

  constructor(socket: Socket, listener: SessionListener) {
    this.#socket = socket;
    this.#listener = listener;
    this.#sender = new Sender(socket, requestBlocks);
    this.#blocks = new HeaderBlocks((of, bytes, { from, to }) =>
      this.#headers(of, this.#decoder.decode(bytes, from, to)),
    );
    this.#sender.control(frames.preface);
    this.#sender.control(
      frames.settingsFrame([
        [setting.enablePush, 0],
        [setting.initialWindowSize, STREAM_WINDOW_BYTES],
        [setting.maxHeaderListSize, ANSWER_HEADERS_MAX_BYTES],
      ]),
    );
    this.widen(0, CONNECTION_WINDOW_BYTES - frames.WINDOW_BYTES);
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('drain', () => this.#sender.ask());
    socket.on('error', (error) => this.destroy(error));
    socket.on('end', () => this.destroy());
    socket.on('close', () => this.destroy());
  }

  get openStreams(): number {
    return this.#open.size;
  }

  /** Whether a further stream would go out at once. */
  get hasRoom(): boolean {
    return this.#open.size < this.#maxStreams;
  }

  /** Asks, as soon as there is room. The listener is never called before this has returned. */
  request(message: ClientRequest, listener: AnswerListener): ClientStream {
    const id = this.#nextStream;
    this.#nextStream += 2;
    const windowBytes = this.#initialWindowBytes;
    const stream = new ClientStream(id, this, { windowBytes, message, listener });
    const error = this.#faultOf(message);
    if (error) {
      queueMicrotask(() => stream.fail(error));
      return stream;
    }
    const goesOut = this.hasRoom;
    this.#open.set(id, stream);
    if (goesOut) this.#sender.send(stream);
    else this.#waiting.add(stream);
    if (this.#nextStream > LAST_STREAM) this.#leave(nothing);
    return stream;
  }

  /** Why it cannot be asked; undefined: it can. */
  #faultOf(message: ClientRequest): Error | undefined {
    if (this.#isClosed || this.#isLeaving) {
      return new ConnectionLost('the connection takes no more streams');
    }
    if (requestBlocks.maxBytes(message) <= REQUEST_HEADERS_MAX_BYTES) return undefined;
    return new Error(`the headers have more than ${REQUEST_HEADERS_MAX_BYTES} bytes`);
  }

  /** Asks whether the peer is there. */
  ping(answered: () => void): void {
    if (this.#isClosed) return;
    this.#pings.push(answered);
    this.#sender.control(frameOf(kind.ping, 0, Buffer.alloc(PING_BYTES)));
  }

  /** Ends it, when what is to be sent has been written. */
  close(): void {
    if (this.#isClosed) return;
    this.#sender.control(frames.goawayFrame(0, h2Error.none));
    this.#sender.flush();
    this.#end(new ConnectionLost('the connection was closed'));
    this.#socket.destroySoon();
    setTimeout(() => this.#socket.destroy(), LAST_WRITE_MS).unref();
  }

  /** Ends it, and all that goes on in it. */
  destroy(error: Error = new ConnectionLost('the connection was closed')): void {
    if (this.#isClosed) return;
    this.#end(error);
    this.#socket.destroy();
  }

  #end(error: Error): void {
    this.#isClosed = true;
    this.#listener.onClose(error);
    const streams = [...this.#open.values()];
    this.#open.clear();
    this.#waiting.clear();
    for (const stream of streams) stream.fail(error);
  }

  // What streams ask for.

  /** Ends a stream before its time. */
  reset(stream: ClientStream, code: number): void {
    stream.closed = true;
    if (!this.#open.has(stream.id)) return;
    // One that has not been sent is never heard of.
    if (stream.headSent) this.#sender.control(frames.resetFrame(stream.id, code));
    this.over(stream);
  }

  /** A stream is over. */
  over(stream: ClientStream): void {
    if (!this.#open.delete(stream.id)) return;
    this.#waiting.delete(stream);
    this.#sendWaiting();
    if (this.#open.size === 0) this.idleSinceMs = performance.now();
  }

  #sendWaiting(): void {
    for (const stream of this.#waiting) {
      if (this.#open.size - this.#waiting.size >= this.#maxStreams) return;
      this.#waiting.delete(stream);
      this.#sender.send(stream);
    }
  }

  /** Bytes were read: the peer may send as many more. */
  credit(bytes: number): void {
    const more = this.#window.read(bytes);
    if (more > 0) this.widen(0, more);
  }

  /** Lets the peer send so much more, in a stream; 0: in all of them. */
  widen(stream: number, bytes: number): void {
    if (!this.#isClosed) this.#sender.control(frames.windowFrame(stream, bytes));
  }

  // What the peer sends.

  #read(chunk: Buffer): void {
    if (this.#isClosed) return;
    this.#listener.onHeard();
    try {
      this.#reader.read(chunk);
      this.#sender.checkBacklog();
    } catch (error) {
      if (!(error instanceof FrameFault)) throw error;
      this.#sender.control(frames.goawayFrame(0, error.code));
      this.#sender.flush();
      this.destroy(error);
    }
  }

  data(id: number, piece: Buffer, ends: boolean): void {
    if (this.#isClosed) return;
    if (!this.#isGreeted) throw protocolFault('it begins without settings');
    if (this.#blocks.unfinished) throw protocolFault('a block of headers without an end');
    this.#take(piece.length);
    if (piece.length === 0 && !ends) this.#patience.tax();
    const stream = this.#streamOf(id);
    const wrong = stream?.data(piece, ends);
    if (stream && wrong === undefined) return;
    // Nobody reads it.
    this.credit(piece.length);
    if (stream) this.#judge(stream, wrong);
  }

  #take(bytes: number): void {
    if (!this.#window.take(bytes)) throw new FrameFault(h2Error.flowControl, 'too much at once');
  }

  frame(head: Readonly<FrameHead>, bytes: Buffer, from: number, to: number): void {
    // Whoever was told of a frame may have ended it.
    if (this.#isClosed) return;
    if (this.#blocks.unfinished && head.kind !== kind.continuation) {
      throw protocolFault('a block of headers without an end');
    }
    if (!this.#isGreeted && head.kind !== kind.settings)
      throw protocolFault('it begins without settings');
    // Most frames are these.
    if (head.kind === kind.headers) this.#blocks.headers(head, bytes, from, to);
    else this.#other(head, bytes.subarray(from, to));
  }

  #other({ kind: of, stream, flags }: FrameHead, content: Buffer): void {
    switch (of) {
      case kind.data:
        this.#paddedData(stream, content, (flags & flag.end) !== 0);
        break;
      case kind.continuation:
        this.#patience.tax();
        this.#blocks.continuation({ kind: of, stream, flags }, content);
        break;
      case kind.windowUpdate:
        this.#windowUpdate(stream, ofLength(content, 4).readUInt32BE() & LAST_STREAM);
        break;
      case kind.settings:
        if (stream !== 0) throw protocolFault('settings of a stream');
        this.#settings((flags & flag.ack) !== 0, content);
        break;
      case kind.reset:
        this.#resetByPeer(stream, ofLength(content, 4).readUInt32BE());
        break;
      case kind.ping:
        if (stream !== 0) throw protocolFault('a ping of a stream');
        this.#ping((flags & flag.ack) !== 0, ofLength(content, PING_BYTES));
        break;
      case kind.goaway:
        if (stream !== 0 || content.length < 8)
          throw protocolFault('a goodbye that cannot be read');
        this.#goaway(content);
        break;
      case kind.pushPromise:
        throw protocolFault('a push that nobody wants');
      // Nobody needs priorities; other kinds are to be passed over.
    }
  }

  /** Headers of an answer, or behind one. Those of a stream that was ended here say nothing. */
  #headers({ stream: id, ends }: { stream: number; ends: boolean }, list: FieldList): void {
    const stream = this.#streamOf(id);
    if (!stream) return;
    if (list.isWhole) this.#judge(stream, stream.headers(list.fields, ends));
    else this.#judge(stream, h2Error.calm);
  }

  #paddedData(id: number, content: Buffer, ends: boolean): void {
    const padding = content[0] ?? 0;
    if (padding >= content.length) throw protocolFault('more padding than content');
    this.#take(padding + 1);
    this.credit(padding + 1);
    const stream = this.#streamOf(id);
    if (stream) this.#judge(stream, stream.padding(padding + 1));
    this.data(id, content.subarray(1, content.length - padding), ends);
  }

  #windowUpdate(id: number, bytes: number): void {
    if (id === 0) this.#sender.widen(bytes);
    else {
      const stream = this.#streamOf(id);
      if (stream) this.#judge(stream, stream.widen(bytes));
    }
    this.#sender.ask();
  }

  #settings(isAck: boolean, content: Buffer): void {
    if (isAck) {
      ofLength(content, 0);
      return;
    }
    this.#patience.tax();
    for (const [id, value] of readSettings(content)) {
      if (id === setting.headerTableSize) this.#sender.emptiesTable = true;
      if (id === setting.maxConcurrentStreams) this.#takeStreams(value);
      if (id === setting.initialWindowSize) this.#resize(value);
    }
    this.#sender.control(frameOf(kind.settings, 0, nothing, flag.ack));
    if (this.#isGreeted) return;
    this.#isGreeted = true;
    this.#listener.onOpen();
  }

  /** The peer takes so many at once; those that are under way go on. */
  #takeStreams(most: number): void {
    this.#maxStreams = most;
    this.#sendWaiting();
  }

  /** Streams begin with another window to the peer, also those that are under way. */
  #resize(bytes: number): void {
    const more = bytes - this.#initialWindowBytes;
    this.#initialWindowBytes = bytes;
    for (const stream of this.#open.values()) {
      if (!stream.resize(more)) throw new FrameFault(h2Error.flowControl, 'too wide');
    }
    this.#sender.ask();
  }

  #resetByPeer(id: number, code: number): void {
    const stream = this.#streamOf(id);
    if (!stream) return;
    this.over(stream);
    stream.resetByPeer(code);
  }

  #ping(isAck: boolean, content: Buffer): void {
    if (isAck) this.#pings.shift()?.();
    else this.#sender.control(frameOf(kind.ping, 0, content, flag.ack));
  }

  #goaway(content: Buffer): void {
    const last = content.readUInt32BE(0) & LAST_STREAM;
    const code = content.readUInt32BE(4);
    this.#leave(content.subarray(8));
    if (this.#isClosed) return;
    if (code !== h2Error.none) {
      this.destroy(new ConnectionLost(`the peer ended the connection with ${code}`, code));
      return;
    }
    for (const stream of [...this.#open.values()]) {
      if (stream.id <= last && stream.headSent) continue;
      this.over(stream);
      stream.resetByPeer(h2Error.refusedStream);
    }
  }

  #leave(text: Buffer): void {
    if (this.#isLeaving) return;
    this.#isLeaving = true;
    this.#listener.onLeaving(text);
  }

  /** Resets a stream of which the peer does what it may not; undefined: it does not. */
  #judge(stream: ClientStream, code: number | undefined): void {
    if (code === undefined) return;
    this.#patience.tax();
    this.reset(stream, code);
    stream.fail(new StreamReset(code));
  }

  /** Undefined: it is over. */
  #streamOf(id: number): ClientStream | undefined {
    const stream = this.#open.get(id);
    if (stream?.headSent) return stream;
    const hasBeen = !stream && id % 2 === 1 && id < this.#nextStream;
    if (!hasBeen) throw protocolFault('a stream that was not opened');
    return undefined;
  }
}
