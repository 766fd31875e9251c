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
import { HpackDecoder } from '../../h2/hpack-decoder.ts';
import { Patience } from '../../h2/patience.ts';
import { readSettings } from '../../h2/peer-settings.ts';
import { Sender } from '../../h2/sender.ts';
import { type Reply, replyBlocks } from './reply.ts';
import { STREAM_WINDOW_BYTES } from './stream.ts';
import { CONNECTION_WINDOW_BYTES, type StreamHost, Streams } from './streams.ts';

/** Headers so many times larger than they may be are still read, to be answered as others are. */
const READ_HEADERS_TIMES = 4;
const LAST_STREAM_EVER = 2 ** 31 - 1;
const PING_BYTES = 8;
const nothing = Buffer.alloc(0);

/** What sessions share. */
export interface SessionHost extends StreamHost {
  /** The peer has told its settings. */
  greeted(session: Session): void;
  closed(session: Session): void;
}

/** A connection on which HTTP/2 is spoken (RFC 9113), from the server's side. */
export class Session implements FrameSink {
  readonly socket: Socket;
  readonly #host: SessionHost;
  readonly #reader = new FrameReader(this);
  readonly #blocks: HeaderBlocks;
  readonly #sender: Sender<Reply>;
  readonly #patience = new Patience();
  readonly #streams: Streams;
  readonly #pings: (() => void)[] = [];
  #prefaceLeft: Buffer = frames.preface;
  #greeted = false;
  #closing = false;
  destroyed = false;

  constructor(socket: Socket, host: SessionHost) {
    this.socket = socket;
    this.#host = host;
    const { limits } = host;
    this.#sender = new Sender(socket, replyBlocks);
    this.#streams = new Streams(host, this, { sender: this.#sender, patience: this.#patience });
    const decoder = new HpackDecoder(READ_HEADERS_TIMES * limits.headersMaxBytes);
    this.#blocks = new HeaderBlocks((of, bytes, { from, to }) =>
      this.#streams.headers(of, decoder.decode(bytes, from, to)),
    );
    this.#sender.control(
      frames.settingsFrame([
        [setting.maxConcurrentStreams, limits.streamsPerConnection],
        [setting.initialWindowSize, STREAM_WINDOW_BYTES],
        [setting.maxHeaderListSize, limits.headersMaxBytes],
      ]),
    );
    this.widen(0, CONNECTION_WINDOW_BYTES - frames.WINDOW_BYTES);
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('drain', () => this.#sender.ask());
    socket.on('end', () => this.destroy());
    socket.on('close', () => this.destroy());
  }

  get openStreams(): number {
    return this.#streams.size;
  }

  /** What of answers has not been taken from it, in bytes, though their streams are over. */
  get waitingBytes(): number {
    return this.#sender.relayedBytes;
  }

  /** Since when no stream is open. */
  get idleSinceMs(): number {
    return this.#streams.idleSinceMs;
  }

  /** Whether it takes no more streams. */
  get closing(): boolean {
    return this.#closing || this.destroyed;
  }

  /** Asks for no more streams; those that still come are served. */
  announceClose(): void {
    this.#sender.control(frames.goawayFrame(LAST_STREAM_EVER, h2Error.none));
  }

  /** Resolves when the peer has answered, or never will. */
  ping(): Promise<void> {
    if (this.destroyed) return Promise.resolve();
    this.#sender.control(frameOf(kind.ping, 0, Buffer.alloc(PING_BYTES)));
    return new Promise((resolve) => this.#pings.push(resolve));
  }

  /** Takes no more streams, and ends with the last one. */
  close(): void {
    if (this.closing) return;
    this.#closing = true;
    this.#sender.control(frames.goawayFrame(this.#streams.last, h2Error.none));
    this.endIfDone();
  }

  /** Ends it when it takes no more streams and has none. */
  endIfDone(): void {
    if (this.#closing && this.#streams.size === 0 && this.#sender.relayedBytes === 0) this.end();
  }

  /** Ends it, when what is to be sent has been written. */
  end(): void {
    if (this.destroyed) return;
    this.#sender.flush();
    this.destroy();
  }

  /** Ends it. What was written still leaves. */
  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.#streams.destroy();
    for (const answered of this.#pings) answered();
    this.socket.destroySoon();
    this.#host.closed(this);
  }

  /** Lets the peer send so much more, in a stream; 0: in all of them. */
  widen(stream: number, bytes: number): void {
    if (!this.destroyed) this.#sender.control(frames.windowFrame(stream, bytes));
  }

  // What the peer sends.

  #read(chunk: Buffer): void {
    if (this.destroyed) return;
    try {
      this.#reader.read(this.#prefaceLeft.length > 0 ? this.#readPreface(chunk) : chunk);
      this.#sender.checkBacklog();
    } catch (error) {
      if (!(error instanceof FrameFault)) throw error;
      this.#sender.control(frames.goawayFrame(this.#streams.last, error.code));
      this.end();
    }
  }

  #readPreface(chunk: Buffer): Buffer {
    const left = this.#prefaceLeft;
    const bytes = Math.min(chunk.length, left.length);
    if (left.compare(chunk, 0, bytes, 0, bytes) !== 0) throw protocolFault('no preface');
    this.#prefaceLeft = left.subarray(bytes);
    return chunk.subarray(bytes);
  }

  data(stream: number, piece: Buffer, ends: boolean): void {
    if (this.#blocks.unfinished) throw protocolFault('a block of headers without an end');
    this.#streams.data(stream, piece, ends);
  }

  frame(head: Readonly<FrameHead>, bytes: Buffer, from: number, to: number): void {
    if (this.#blocks.unfinished && head.kind !== kind.continuation) {
      throw protocolFault('a block of headers without an end');
    }
    if (!this.#greeted && head.kind !== kind.settings)
      throw protocolFault('it begins without settings');
    // Most frames are these.
    if (head.kind === kind.headers) this.#blocks.headers(head, bytes, from, to);
    else this.#other(head, bytes.subarray(from, to));
  }

  #other(head: FrameHead, content: Buffer): void {
    const { stream, flags } = head;
    switch (head.kind) {
      case kind.data:
        this.#paddedData(head, content);
        break;
      case kind.continuation:
        this.#patience.tax();
        this.#blocks.continuation(head, content);
        break;
      case kind.windowUpdate:
        this.#streams.windowUpdate(stream, ofLength(content, 4));
        break;
      case kind.settings:
        if (stream !== 0) throw protocolFault('settings of a stream');
        this.#settings((flags & flag.ack) !== 0, content);
        break;
      case kind.reset:
        this.#patience.tax();
        this.#streams.resetByPeer(stream, ofLength(content, 4));
        break;
      case kind.ping:
        if (stream !== 0) throw protocolFault('a ping of a stream');
        this.#ping((flags & flag.ack) !== 0, ofLength(content, PING_BYTES));
        break;
      case kind.pushPromise:
        throw protocolFault('a push from a client');
      // Nobody needs priorities; GOAWAY is followed by the end; other kinds are to be passed over.
    }
  }

  #paddedData({ stream, flags }: FrameHead, content: Buffer): void {
    const padding = content[0] ?? 0;
    if (padding >= content.length) throw protocolFault('more padding than content');
    this.#streams.padding(stream, padding + 1);
    const piece = content.subarray(1, content.length - padding);
    this.data(stream, piece, (flags & flag.end) !== 0);
  }

  #settings(isAck: boolean, content: Buffer): void {
    if (isAck) {
      ofLength(content, 0);
      return;
    }
    this.#patience.tax();
    for (const [id, value] of readSettings(content)) {
      if (id === setting.headerTableSize) this.#sender.emptiesTable = true;
      if (id === setting.initialWindowSize) this.#streams.resize(value);
    }
    this.#sender.control(frameOf(kind.settings, 0, nothing, flag.ack));
    if (this.#greeted) return;
    this.#greeted = true;
    this.#host.greeted(this);
  }

  #ping(isAck: boolean, content: Buffer): void {
    if (isAck) this.#pings.shift()?.();
    else this.#sender.control(frameOf(kind.ping, 0, content, flag.ack));
  }
}
