import type { Http2Server } from 'node:http2';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { fieldOf } from '../../h2/fields.ts';
import { FrameReader, type FrameSink } from '../../h2/frame-reader.ts';
import * as frames from '../../h2/frames.ts';
import { FRAME_MAX_BYTES, type FrameHead, flag, frameOf, kind, setting } from '../../h2/frames.ts';
import type { Sender } from '../../h2/sender.ts';

import type { Reply } from './reply.ts';

/** Serves what is not of the fast lane: it is given sessions that have no socket of their own. */
export type WholeServer = Pick<Http2Server, 'emit' | 'once'>;

/** More than this does not wait to be sent: whoever writes waits. */
const BACKLOG_BYTES = 256 * 1024;
const nothing = Buffer.alloc(0);

/** What a bridge needs of the connection that it belongs to. */
interface BridgeOptions {
  readonly socket: Socket;
  /** What the peer takes of an answer before it has read it. */
  readonly initialWindowBytes: number;
  /** The window of the connection. */
  readonly windowBytes: number;
  /** So much was read. */
  credit(bytes: number): void;
  /** A stream is over. */
  over(id: number): void;
  /** Some of what it has to say was sent. */
  sent(): void;
  /** The session behind it has ended. */
  ended(): void;
}

/**
 * Leads streams of a connection to a session of node:http2, frame by frame and under their own numbers. The blocks of
 * headers of either session need no table, so that they may stand among ours.
 */
export class Bridge implements FrameSink {
  readonly #sender: Sender<Reply>;
  readonly #options: BridgeOptions;
  readonly #inner: Duplex;
  readonly #reader = new FrameReader(this);
  /** Streams of which one side has ended. */
  readonly #halves = new Set<number>();
  /** What its window is wider than it begins with: that is known to the peer. */
  #knownBytes: number;
  #sentBytes = 0;
  #taken: (() => void) | undefined;

  constructor(whole: WholeServer, sender: Sender<Reply>, options: BridgeOptions) {
    this.#sender = sender;
    this.#options = options;
    this.#knownBytes = options.windowBytes - frames.WINDOW_BYTES;
    this.#inner = new Duplex({
      read() {},
      write: (chunk: Buffer, _, taken) => this.#write(chunk, taken),
    });
    sender.onRelayed = () => {
      this.#goOn();
      options.sent();
    };
    whole.once('session', (session) => {
      // Whoever asks it for the other end is to find that.
      Object.defineProperty(session, 'socket', { value: options.socket });
      session.setLocalWindowSize(options.windowBytes);
      session.once('close', () => options.ended());
    });
    whole.emit('connection', this.#inner);
    this.forward(frames.preface);
    this.forward(
      frames.settingsFrame([
        [setting.headerTableSize, 0],
        [setting.enablePush, 0],
        [setting.initialWindowSize, options.initialWindowBytes],
      ]),
    );
    // What the connection takes is the sender's to know.
    this.forward(frames.windowFrame(0, frames.WINDOW_MAX_BYTES - frames.WINDOW_BYTES));
  }

  // From the peer.

  forward(frame: Buffer): void {
    if (!this.#inner.destroyed) this.#inner.push(frame);
  }

  headers(id: number, fields: readonly string[], ends: boolean): void {
    const parts: Buffer[] = [];
    for (let at = 0; at < fields.length; at += 2) {
      parts.push(fieldOf(fields[at] as string, fields[at + 1] as string));
    }
    const block = Buffer.concat(parts);
    let at = 0;
    do {
      const of = at === 0 ? kind.headers : kind.continuation;
      const last = at + FRAME_MAX_BYTES >= block.length ? flag.endHeaders : 0;
      const part = block.subarray(at, at + FRAME_MAX_BYTES);
      this.forward(frameOf(of, id, part, last | (ends && at === 0 ? flag.end : 0)));
      at += FRAME_MAX_BYTES;
    } while (at < block.length);
    if (ends) this.#endHalf(id);
  }

  body(id: number, piece: Buffer, ends: boolean): void {
    this.forward(frameOf(kind.data, id, piece, ends ? flag.end : 0));
    if (ends) this.#endHalf(id);
  }

  reset(id: number, content: Buffer): void {
    this.#halves.delete(id);
    this.forward(frameOf(kind.reset, id, content));
  }

  destroy(): void {
    this.#inner.destroy();
  }

  // To the peer.

  #write(chunk: Buffer, taken: () => void): void {
    this.#reader.read(Buffer.from(chunk));
    this.#taken = taken;
    this.#goOn();
  }

  #goOn(): void {
    const taken = this.#taken;
    if (taken === undefined || this.#sender.relayedBytes > BACKLOG_BYTES) return;
    this.#taken = undefined;
    taken();
  }

  data(id: number, piece: Buffer, ends: boolean): void {
    this.#sentBytes += piece.length;
    if (this.#sentBytes > frames.WINDOW_MAX_BYTES / 4) {
      this.forward(frames.windowFrame(0, this.#sentBytes));
      this.#sentBytes = 0;
    }
    this.#sender.relay(frameOf(kind.data, id, piece, ends ? flag.end : 0));
    if (ends) this.#endHalf(id);
  }

  frame({ kind: of, flags, stream }: FrameHead, bytes: Buffer, from: number, to: number): void {
    const content = bytes.subarray(from, to);
    if (of === kind.ping) return;
    if (of === kind.settings) {
      if ((flags & flag.ack) === 0) this.forward(frameOf(of, 0, nothing, flag.ack));
      return;
    }
    if (of === kind.windowUpdate && stream === 0) {
      this.#widen(content.readUInt32BE());
      return;
    }
    this.#sender.relay(frameOf(of, stream, content, flags));
    if (of === kind.reset) {
      this.#halves.delete(stream);
      this.#options.over(stream);
    } else if (of === kind.headers && (flags & flag.end) !== 0) this.#endHalf(stream);
  }

  #widen(bytes: number): void {
    const known = Math.min(bytes, this.#knownBytes);
    this.#knownBytes -= known;
    if (bytes > known) this.#options.credit(bytes - known);
  }

  #endHalf(id: number): void {
    if (!this.#halves.delete(id)) this.#halves.add(id);
    else this.#options.over(id);
  }
}
