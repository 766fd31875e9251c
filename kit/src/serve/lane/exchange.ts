import { constants, type IncomingHttpHeaders } from 'node:http2';
import type { DescMethod, DescService } from '@bufbuild/protobuf';
import { Code, ConnectError, type ContextValues } from '@connectrpc/connect';
import { requestIdKey } from '../../caller.ts';
import { addReason, toConnectError } from '../../errors.ts';
import type { Arrival } from '../admission.ts';
import { type CallRecord, callerLeft } from '../calls.ts';
import { type Peer, peerKey } from '../peer.ts';
import { chooseRequestId, requestIdHeader } from '../request-id.ts';
import { cutStream } from '../stuck.ts';
import type { Lane } from './lane.ts';
import type { LaneStream } from './lane-stream.ts';
import { LeanBody } from './lean-body.ts';
import type { LeanProtocol } from './lean-head.ts';
import type { CallHead } from './lean-method.ts';
import { LeanValues } from './lean-values.ts';

/** What is known of a call before it begins. */
export interface Opening {
  readonly method: DescMethod;
  readonly headers: IncomingHttpHeaders;
  readonly protocol: LeanProtocol;
  /** Within the limits; Infinity: it may take as long as it likes. */
  readonly timeoutMs: number;
  readonly dear: boolean;
  readonly peer: Peer;
}

const protocolNames: Readonly<Record<LeanProtocol, string>> = {
  grpc: 'grpc',
  'grpc-web': 'grpc-web',
  connect: 'connect',
  'connect-stream': 'connect',
};

/**
 * One call in the fast lane, from its headers to its end; how it is answered is said by those that extend
 * it. It is its own record everywhere that calls are looked after, so that a call makes few objects.
 */
export abstract class Exchange implements Arrival, CallHead {
  protected readonly lane: Lane;
  protected readonly stream: LaneStream;
  protected readonly protocol: LeanProtocol;
  readonly method: DescMethod;
  readonly #headers: IncomingHttpHeaders;
  readonly #body: LeanBody;
  readonly deadlineMs: number;
  readonly values: ContextValues = new LeanValues();
  readonly requestId: string;
  readonly arrivedMs: number;
  readonly dear: boolean;
  /** Of admission, while the call waits to begin. */
  sinceMs = 0;
  sinceBusyMs = 0;
  /** Of the watch over slow readers. */
  waitingBytes = 0;
  waitingSinceMs = 0;
  leftBytes = 0;
  /** When it began; of the watch over slow bodies. */
  beganMs = 0;
  /** Of admission: it is among the calls at work. */
  isAtWork = false;
  #read: (() => void) | undefined;
  #record: CallRecord | undefined;
  #abort: AbortController | undefined;
  /** The end of the answer, or an error, is on its way; or nobody waits for one. */
  protected isOver = false;

  constructor(lane: Lane, stream: LaneStream, opening: Opening) {
    this.lane = lane;
    this.stream = stream;
    this.method = opening.method;
    this.#headers = opening.headers;
    this.protocol = opening.protocol;
    const kind = opening.method.methodKind === 'unary' ? 'unary' : 'server-streaming';
    this.#body = new LeanBody(opening.protocol, lane.limits.readMaxBytes, kind);
    this.arrivedMs = performance.now();
    this.deadlineMs = this.arrivedMs + opening.timeoutMs;
    this.dear = opening.dear;
    this.requestId = chooseRequestId(opening.headers[requestIdHeader]);
    this.values.set(requestIdKey, this.requestId).set(peerKey, opening.peer);
    lane.opened(this);
    stream.on('error', ignore);
    stream.on('close', () => this.closed());
  }

  // What handlers see.

  get service(): DescService {
    return this.method.parent;
  }

  get requestMethod(): string {
    return 'POST';
  }

  get protocolName(): string {
    return protocolNames[this.protocol];
  }

  get requestHeader(): Pick<Headers, 'get'> {
    return this;
  }

  /** A header, for those who read headers. */
  get(name: string): string | null {
    const value = this.#headers[name.toLowerCase()];
    return value === undefined ? null : String(value);
  }

  timeoutMs(): number {
    return this.deadlineMs - performance.now();
  }

  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.isOver) this.#abort.abort(ended);
    return this.#abort.signal;
  }

  // What admission asks.

  gone(): boolean {
    return this.stream.destroyed;
  }

  begin(read: () => void): void {
    this.isAtWork = true;
    this.#read = read;
    this.#awaitBody();
    this.#record = this.lane.record(this);
    try {
      const letIn = this.lane.gate(this);
      if (letIn === undefined) this.#enter();
      else letIn.then(() => this.#enter(), this.failed);
    } catch (error) {
      this.failed(error);
    }
  }

  refuse(): void {
    this.isOver = true;
    if (this.stream.closed) return;
    this.#awaitBody();
    this.lane.refused(this.stream, this.protocol, this);
    this.#leaveBody();
  }

  // What its watchers do.

  /** The body has not come in time. */
  cut(): void {
    cutStream(this.stream, constants.NGHTTP2_CANCEL);
  }

  /** The reader takes nothing of the answer. */
  cutReader(): void {
    cutStream(this.stream, constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }

  /** Bytes of the answer that nobody has taken yet. */
  get writableLength(): number {
    return this.stream.writableLength;
  }

  /** Ends it, for the server ends. */
  fail(error: unknown): void {
    this.failed(error);
  }

  /** Its time is over. */
  late(): void {
    this.#unreadable(new ConnectError('the operation timed out', Code.DeadlineExceeded));
  }

  /** Whether it has taken longer than it may. */
  isLate(nowMs: number): boolean {
    return nowMs >= this.deadlineMs;
  }

  // The way.

  /** Until its end has come, which is asked for even when nobody reads it any more. */
  #awaitBody(): void {
    this.beganMs = performance.now();
    this.lane.awaitsBody(this);
    this.stream.on('end', () => this.#ended());
  }

  /** Whoever is let in has the body read, and nobody else. */
  #enter(): void {
    if (this.isOver) return;
    try {
      this.#body.expect(Number(this.#headers['content-length'] ?? 0));
    } catch (error) {
      this.#unreadable(error as ConnectError);
      return;
    }
    this.stream.on('data', (chunk: Buffer) => this.#add(chunk));
  }

  #add(chunk: Buffer): void {
    if (this.isOver) return;
    try {
      this.#body.add(chunk);
    } catch (error) {
      this.#unreadable(error as ConnectError);
    }
  }

  /** An error as the RPC library makes them, without a reason. */
  #unreadable(error: ConnectError): void {
    addReason(error, this.requestId);
    this.failed(error);
  }

  #ended(): void {
    this.lane.hasBody(this);
    // A reset without a fault ends the body too, wherever it stands.
    if (!this.isOver && !this.stream.closed) this.#answer();
    this.#read?.();
  }

  #answer(): void {
    let message: Buffer;
    try {
      message = this.#body.message();
    } catch (error) {
      this.#unreadable(error as ConnectError);
      return;
    }
    if (this.isLate(performance.now())) {
      this.late();
      return;
    }
    const record = this.#record as CallRecord;
    record.running = true;
    try {
      record.span.run(() => this.answer(message));
    } catch (error) {
      this.failed(error);
    }
  }

  /** Answers the message now or later; what it throws is what the call fails with. */
  protected abstract answer(message: Buffer): void;

  /**
   * What still comes is nobody's: it is not waited for, once the error has left (RFC 9113, 8.1). Of a peer
   * that reads nothing the stream is cut later, with the bodies that do not come.
   */
  #leaveBody(): void {
    if (!this.stream.readableEnded) cutStream(this.stream, constants.NGHTTP2_NO_ERROR);
    this.stream.resume();
  }

  protected readonly failed = (fault: unknown): void => {
    if (this.isOver) return;
    const error = toConnectError(fault, this.requestId);
    this.end(error);
    if (this.stream.destroyed || this.stream.closed) return;
    this.sendError(error);
    this.#leaveBody();
  };

  /** Sends what the call failed with. */
  protected abstract sendError(error: ConnectError): void;

  protected end(error?: ConnectError): void {
    this.isOver = true;
    this.lane.waitsNoMore(this);
    const record = this.#record;
    if (record) {
      record.running = false;
      if (error) record.error = error;
      record.finish();
    }
    this.#abort?.abort(error ?? ended);
  }

  /** The stream is over, whoever ended it. */
  protected closed(): void {
    if (!this.isOver && this.#record) this.end(toConnectError(callerLeft(), this.requestId));
    this.isOver = true;
    this.#read?.();
    this.lane.closed(this);
  }
}

/** Why what belongs to a call is aborted when it has ended; one for all, for a stack takes its time. */
const ended = new DOMException('the call has ended', 'AbortError');

function ignore(): void {}
