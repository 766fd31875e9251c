import { constants, type ServerHttp2Stream } from 'node:http2';
import type { ConnectError } from '@connectrpc/connect';
import { cutKey } from '../after-call.ts';
import { drainingKey } from '../draining.ts';
import { cutStream } from '../stuck.ts';
import { Exchange, type Opening } from './exchange.ts';
import type { Lane } from './lane.ts';
import type { LeanStreamCall, LeanStreamMethod } from './lean-method.ts';
import { endOf, type StreamEnd, streamHeadOf } from './stream-end.ts';

/** How often it is tried again to cut a stream whose connection takes nothing. */
const CUT_AGAIN_MS = 1_000;

/** A call that is answered with messages for as long as it lasts, on a stream of node:http2. */
export class StreamExchange extends Exchange implements LeanStreamCall {
  readonly #lean: LeanStreamMethod;
  readonly #http: ServerHttp2Stream;
  /** All messages that were sent, in bytes. */
  givenBytes = 0;
  #room: PromiseWithResolvers<void> | undefined;

  constructor(lane: Lane, stream: ServerHttp2Stream, lean: LeanStreamMethod, opening: Opening) {
    super(lane, stream, opening);
    this.#lean = lean;
    this.#http = stream;
    this.values.set(drainingKey, lane.draining).set(cutKey, this.#cutOff);
  }

  protected answer(message: Buffer): void {
    this.lane.waits(this);
    this.#http.on('drain', this.#hasRoom);
    this.#lean.stream(this, message).then(this.#ended, this.failed);
  }

  send(framed: Uint8Array): Promise<void> | undefined {
    if (this.isOver || this.#http.destroyed) return undefined;
    if (!this.#http.headersSent) this.#respond();
    this.givenBytes += framed.length;
    if (this.#http.write(framed)) return undefined;
    this.#room ??= Promise.withResolvers();
    return this.#room.promise;
  }

  #respond(): void {
    const head = streamHeadOf(this.protocol, this.requestId);
    this.#http.respond(head, { waitForTrailers: this.protocol === 'grpc' });
  }

  readonly #hasRoom = (): void => {
    this.#room?.resolve();
    this.#room = undefined;
  };

  readonly #ended = (): void => {
    if (this.isOver) return;
    this.end();
    this.#finish(endOf(this.protocol, undefined));
  };

  protected sendError(error: ConnectError): void {
    this.#finish(endOf(this.protocol, error));
  }

  #finish({ trailers, frame }: StreamEnd): void {
    const http = this.#http;
    if (http.destroyed || http.closed) return;
    if (!http.headersSent && frame === undefined) {
      http.respond({ ...streamHeadOf(this.protocol, this.requestId), ...trailers }, asEnd);
      return;
    }
    if (!http.headersSent) this.#respond();
    if (trailers) http.once('wantTrailers', () => http.sendTrailers(trailers));
    http.end(frame);
  }

  readonly #cutOff = (): void => {
    if (this.#http.destroyed || this.#http.closed) return;
    cutStream(this.#http, constants.NGHTTP2_CANCEL);
    setTimeout(this.#cutOff, CUT_AGAIN_MS).unref();
  };

  protected override closed(): void {
    super.closed();
    this.#hasRoom();
  }
}

const asEnd = { endStream: true };
