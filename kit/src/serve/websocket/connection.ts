import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { ClientFrame, Open } from '@weir/sdk/gen/weir/websocket/v1/frames_pb';
import type { WebSocket } from 'ws';
import { refuse, toConnectError } from '../../errors.ts';
import { TransientMap } from '../../transient.ts';
import { shuttingDown } from '../draining.ts';
import type { ServeLimits } from '../limits.ts';
import { type CallParts, type Carrier, WebSocketCall } from './call.ts';
import type { CallEnd, FrameCodec } from './frames.ts';

/** What may wait on a connection before its calls send no more, and nothing of it is read. */
const roomBytes = 256 * 1024;
/** As much as fits into the reason of a close frame (RFC 6455, 5.5). */
const reasonMaxBytes = 123;
const busyRetryMs = 200;

/** Codes of closing (RFC 6455, 7.4.1). */
export const closing = {
  goingAway: 1001,
  protocolError: 1002,
  unsupportedData: 1003,
  invalidData: 1007,
  policyViolation: 1008,
} as const;

/** What connections share. */
export interface ConnectionDeps {
  readonly limits: Pick<ServeLimits, 'streamsPerConnection'>;
  /** Makes a call of what opens it. Throws a refusal. */
  prepare(open: Open): CallParts;
  /** Calls under way, for those who wait until there are none. */
  readonly requests: { enter(request: object): void; leave(request: object): void };
  failed(error: unknown, requestId: string): void;
  /** Told why it ends a connection. */
  violated(reason: string): void;
}

/**
 * How a connection stands: calls may be opened; its client was asked to open no more; it opens no more
 * of its own; it is closed.
 */
type State = 'open' | 'leaving' | 'refusing' | 'closed';

/** One WebSocket and its calls. */
export class Connection implements Carrier {
  readonly base: string;
  readonly #ws: WebSocket;
  readonly #codec: FrameCodec;
  readonly #deps: ConnectionDeps;
  readonly #calls = new TransientMap<number, WebSocketCall>();
  #state: State = 'open';
  /** Frames that have come. */
  frames = 0;
  /** Since when no call is open. */
  idleSinceMs = performance.now();
  /** Since when its client knows that it is to close. */
  leavingSinceMs = Number.POSITIVE_INFINITY;

  constructor(ws: WebSocket, codec: FrameCodec, deps: ConnectionDeps & { readonly base: string }) {
    this.#ws = ws;
    this.#codec = codec;
    this.#deps = deps;
    this.base = deps.base;
    ws.on('message', (data, isBinary) => this.#take(data as Buffer, isBinary));
    // What breaks the protocol ws closes by itself, with the code that RFC 6455 has for it.
    ws.on('error', (error) => this.#deps.violated('code' in error ? String(error.code) : 'error'));
    ws.once('close', () => this.#closed());
  }

  get closed(): boolean {
    return this.#state === 'closed';
  }

  get calls(): number {
    return this.#calls.size;
  }

  // What its calls ask.

  hasRoom(): boolean {
    return this.#ws.bufferedAmount < roomBytes;
  }

  message(call: WebSocketCall, message: Uint8Array): void {
    // Whoever has had its turn is woken after the others.
    this.#calls.delete(call.number);
    this.#calls.set(call.number, call);
    this.#send(this.#codec.message(call.number, message));
  }

  end(call: WebSocketCall, end: CallEnd, left: () => void): void {
    this.#calls.delete(call.number);
    if (this.#calls.size === 0) this.idleSinceMs = performance.now();
    this.#send(this.#codec.end(end), () => {
      left();
      this.#deps.requests.leave(call);
    });
    if (this.#state === 'refusing') this.#closeWhenIdle();
  }

  failed(error: unknown, requestId: string): void {
    this.#deps.failed(error, requestId);
  }

  // What those who look after it ask.

  /** Asks its client to close it when its calls are over. */
  goAway(text: string): void {
    if (this.#state !== 'open') return;
    this.#state = 'leaving';
    this.leavingSinceMs = performance.now();
    this.#send(this.#codec.goAway(text));
  }

  /** Takes no more calls, and closes with the last one. */
  refuse(): void {
    if (this.closed) return;
    this.#state = 'refusing';
    this.#closeWhenIdle();
  }

  /** Closes it, whatever is under way. */
  close(code: number, reason: string): void {
    this.#ws.close(code, fitting(reason));
    this.#leaveCalls();
  }

  /** Closes it for what its client did. */
  violation(code: number, reason: string): void {
    if (this.closed || this.#ws.readyState !== this.#ws.OPEN) return;
    this.#deps.violated(reason);
    this.close(code, reason);
  }

  /** More can be sent. */
  drained(): void {
    if (this.#ws.isPaused) this.#ws.resume();
    for (const call of [...this.#calls.values()]) call.wake();
  }

  #take(data: Buffer, isBinary: boolean): void {
    if (this.#ws.readyState !== this.#ws.OPEN) return;
    this.frames += 1;
    if (isBinary !== this.#codec.binary) {
      const own = this.#codec.binary ? 'binary messages' : 'texts';
      this.violation(closing.unsupportedData, `${this.#codec.name} has ${own} only`);
      return;
    }
    const frame = this.#read(data);
    if (frame) this.#act(frame);
  }

  #read(data: Buffer): ClientFrame['frame'] | undefined {
    try {
      return this.#codec.read(data).frame;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.violation(closing.invalidData, `the frame cannot be read: ${why}`);
      return undefined;
    }
  }

  #act(frame: ClientFrame['frame']): void {
    switch (frame.case) {
      case 'open':
        this.#open(frame.value);
        break;
      case 'cancel':
        this.#calls.get(frame.value.call)?.leave();
        break;
      case 'credit':
        this.#calls.get(frame.value.call)?.grant(frame.value.messages);
        break;
      case undefined:
        this.violation(closing.protocolError, 'a frame is none of open, cancel and credit');
        break;
      default:
        frame satisfies never;
    }
  }

  #open(open: Open): void {
    const { call: number } = open;
    const first = this.#calls.get(number);
    if (number === 0) {
      this.violation(closing.policyViolation, 'open names no call: number them from 1');
    } else if (first) {
      // There is one end for a number, and so for both.
      first.leave(inUse(number));
    } else this.#begin(open);
  }

  #begin(open: Open): void {
    let call: WebSocketCall;
    try {
      if (this.#state === 'refusing') throw shuttingDown();
      if (this.#calls.size >= this.#deps.limits.streamsPerConnection) throw this.#tooMany();
      call = new WebSocketCall(this, this.#deps.prepare(open), open);
    } catch (fault) {
      const error = toConnectError(fault, '');
      this.#send(this.#codec.end({ call: open.call, error, metadata: {} }));
      return;
    }
    this.#calls.set(open.call, call);
    this.#deps.requests.enter(call);
    call.arrive();
  }

  #tooMany() {
    const text = `${this.#deps.limits.streamsPerConnection} calls are open on the connection; wait for one to end, or open another connection`;
    return refuse(Reason.OVERLOADED, text, { retryDelayMs: busyRetryMs });
  }

  #send(data: Uint8Array | string, left: () => void = ignore): void {
    this.#ws.send(data, { binary: this.#codec.binary }, left);
    // Whoever asks and does not read is not heard either: answers would pile up.
    if (!this.hasRoom() && !this.#ws.isPaused) this.#ws.pause();
  }

  #closeWhenIdle(): void {
    if (this.#calls.size === 0) this.#ws.close(closing.goingAway, 'the server is shutting down');
  }

  #closed(): void {
    this.#state = 'closed';
    this.#leaveCalls();
  }

  #leaveCalls(): void {
    for (const call of [...this.#calls.values()]) call.leave();
  }
}

function inUse(number: number) {
  const text = `call ${number} is open already, and both end: give each call a number of its own`;
  return refuse(Reason.MALFORMED_REQUEST, text);
}

function fitting(reason: string): Buffer {
  const whole = Buffer.from(reason);
  if (whole.length <= reasonMaxBytes) return whole;
  return Buffer.from(whole.toString('utf8', 0, reasonMaxBytes - 3).replace(/\uFFFD+$/, ''));
}

function ignore(): void {}
