import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import {
  type DescMessage,
  type DescMethod,
  fromBinary,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { Code, ConnectError, type HandlerContext } from '@connectrpc/connect';
import { setTrailerStatus } from '@connectrpc/connect/protocol-grpc';
import {
  type CallRequest,
  type CallResponse,
  type FetchRequest,
  type FetchResponse,
  ProviderService,
} from '../gen/weir/provider/v1/provider_pb.ts';
import { traceMessages } from './trace.ts';

// Fetch and Call over gRPC, answered on the streams of node:http2: what routers call for each item and
// tool. Everything else, and whatever is unusual about a call's headers, is the RPC library's, which takes
// several times as long for a call.

const prefixBytes = 5;
const compressedFlag = 1;
const grpcType = 'application/grpc+proto';
/** How long a peer may take to read an error, and to end its request. */
const leaveMaxMs = 10_000;
const noBytes = new Uint8Array();
const packed = promisify(gzip);

/** Of a call: until when its answer is wanted. */
type Wanted = Pick<HandlerContext, 'signal'>;

/** A method, from bytes to bytes. */
interface Route {
  readonly method: DescMethod;
  /** Answers a request. Throws when it cannot be read. */
  answer(request: Uint8Array, wanted: Wanted): AsyncIterable<unknown>;
  encode(message: unknown): Uint8Array;
}

function routeOf<I extends DescMessage, O extends DescMessage>(
  method: DescMethod & { readonly input: I; readonly output: O },
  answer: (request: MessageShape<I>, wanted: Wanted) => AsyncIterable<MessageShape<O>>,
): [path: string, route: Route] {
  return [
    `/${method.parent.typeName}/${method.name}`,
    {
      method,
      answer: (request, wanted) => answer(fromBinary(method.input, request), wanted),
      encode: (message) => toBinary(method.output, message as MessageShape<O>),
    },
  ];
}

/** What the lean server serves, and within which bounds. */
export interface LeanOptions {
  readonly fetch: (request: FetchRequest, wanted: Wanted) => AsyncIterable<FetchResponse>;
  readonly call: (request: CallRequest, wanted: Wanted) => AsyncIterable<CallResponse>;
  /** Whether a call with these credentials may be answered here. */
  readonly letsIn: (authorization: string | undefined) => boolean;
  readonly readMaxBytes: number;
  readonly writeMaxBytes: number;
  /** Messages from this size are packed for who takes that. */
  readonly packedFromBytes: number;
  readonly maxTimeoutMs: number;
}

/** Answers calls on their streams. */
export interface LeanServer {
  /** Takes a call; false: it is for the RPC library. */
  take(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): boolean;
  /** Ends all calls under way. */
  abort(error: ConnectError): void;
}

/** Creates a lean server. */
export function createLeanServer(options: LeanOptions): LeanServer {
  const routes = new Map([
    routeOf(ProviderService.method.fetch, options.fetch),
    routeOf(ProviderService.method.call, options.call),
  ]);
  const underWay = new Set<LeanCall>();
  return {
    take(stream, headers) {
      const route = routes.get(headers[':path'] ?? '');
      const timeoutMs = timeoutWithin(headers, options.maxTimeoutMs);
      if (route === undefined || timeoutMs === undefined) return false;
      if (!isPlain(headers) || !options.letsIn(headers.authorization)) return false;
      const call = new LeanCall(stream, { headers, route, options });
      underWay.add(call);
      stream.once('close', () => {
        underWay.delete(call);
        call.closed();
      });
      call.begin(timeoutMs);
      return true;
    },
    abort(error) {
      for (const call of underWay) call.fail(error);
    },
  };
}

function isPlain(headers: IncomingHttpHeaders): boolean {
  const type = headers['content-type'];
  if (headers[':method'] !== 'POST' || (type !== 'application/grpc' && type !== grpcType))
    return false;
  return (headers['grpc-encoding'] ?? 'identity') === 'identity';
}

const unitsMs: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};

/** The time of a call, the most where it has none; undefined: it cannot be read, or is more than may be. */
function timeoutWithin(headers: IncomingHttpHeaders, maxMs: number): number | undefined {
  const given = headers['grpc-timeout'];
  if (given === undefined) return maxMs;
  const [, digits, unit = ''] = /^(\d{1,8})([HMSmun])$/.exec(String(given)) ?? [];
  const ms = Number(digits) * (unitsMs[unit] ?? Number.NaN);
  return ms <= maxMs ? ms : undefined;
}

interface Opening {
  readonly headers: IncomingHttpHeaders;
  readonly route: Route;
  readonly options: LeanOptions;
}

/** One call, from its headers to its end. */
class LeanCall {
  readonly #stream: ServerHttp2Stream;
  readonly #opening: Opening;
  readonly #controller = new AbortController();
  /** What has come is in front; there may be room behind it, if the buffer is ours. */
  #held: Uint8Array = noBytes;
  #bytes = 0;
  #timer: NodeJS.Timeout | undefined;
  /** Its end is on its way, or nobody waits for one. */
  #isOver = false;

  constructor(stream: ServerHttp2Stream, opening: Opening) {
    this.#stream = stream;
    this.#opening = opening;
  }

  /** Reads the request. */
  begin(timeoutMs: number): void {
    this.#timer = setTimeout(() => {
      if (this.#isOver) this.#cut();
      else this.fail(new ConnectError('the operation timed out', Code.DeadlineExceeded));
    }, timeoutMs);
    this.#stream.on('error', () => {});
    this.#stream.on('data', (piece: Buffer) => this.#add(piece));
    this.#stream.once('end', () => {
      if (!this.#isOver && !this.#stream.closed) void this.#answer();
    });
  }

  /** Ends it with an error, now. */
  fail(error: unknown): void {
    if (this.#isOver) return;
    // What is none of ours may hold what callers must not know.
    const told =
      error instanceof ConnectError ? error : new ConnectError('internal error', Code.Internal);
    this.#end(told);
    this.#controller.abort(error);
  }

  /** The router has left, or has all of the answer. */
  closed(): void {
    clearTimeout(this.#timer);
    if (this.#isOver) return;
    this.#isOver = true;
    this.#controller.abort(new ConnectError('the router left', Code.Canceled));
  }

  #add(piece: Buffer): void {
    if (this.#isOver) return;
    const maxBytes = this.#opening.options.readMaxBytes + prefixBytes;
    const bytes = this.#bytes + piece.length;
    if (bytes > maxBytes) {
      this.fail(tooMuch(this.#opening.options.readMaxBytes));
      return;
    }
    if (this.#bytes === 0) this.#held = piece;
    else {
      // Small pieces are not kept one by one: each would take many times its own bytes.
      if (bytes > this.#held.length) this.#grow(Math.min(2 * bytes, maxBytes));
      this.#held.set(piece, this.#bytes);
    }
    this.#bytes = bytes;
  }

  #grow(bytes: number): void {
    const held = new Uint8Array(bytes);
    held.set(this.#held.subarray(0, this.#bytes));
    this.#held = held;
  }

  async #answer(): Promise<void> {
    const { route, headers, options } = this.#opening;
    const { signal } = this.#controller;
    try {
      const request = this.#message();
      const traced = { method: route.method, headers };
      for await (const message of traceMessages(traced, () => route.answer(request, { signal }))) {
        if (this.#isOver) return;
        const bytes = route.encode(message);
        if (bytes.length > options.writeMaxBytes) throw tooLarge(bytes.length, options);
        await this.#send(bytes);
      }
      this.#end();
    } catch (error) {
      this.fail(error);
    }
  }

  /** The one message that came. */
  #message(): Uint8Array {
    const all = this.#held.subarray(0, this.#bytes);
    this.#held = noBytes;
    if (all.length === 0) {
      throw new ConnectError('protocol error: missing input message', Code.Unimplemented);
    }
    const view = new DataView(all.buffer, all.byteOffset, all.byteLength);
    const { readMaxBytes } = this.#opening.options;
    if (all.length >= prefixBytes && view.getUint32(1) > readMaxBytes) throw tooMuch(readMaxBytes);
    const isWhole = all.length >= prefixBytes && all.length >= prefixBytes + view.getUint32(1);
    if (!isWhole)
      throw new ConnectError('protocol error: incomplete envelope', Code.InvalidArgument);
    if ((view.getUint8(0) & compressedFlag) !== 0) {
      const text = 'received compressed envelope, but do not know how to decompress';
      throw new ConnectError(text, Code.Internal);
    }
    if (all.length > prefixBytes + view.getUint32(1)) {
      throw new ConnectError('protocol error: received extra input message', Code.Unimplemented);
    }
    return all.subarray(prefixBytes);
  }

  /** Sends a message, and waits while the router takes no more. */
  async #send(message: Uint8Array): Promise<void> {
    const { packedFromBytes } = this.#opening.options;
    const isPacked = message.length >= packedFromBytes && this.#takesGzip;
    const body = isPacked ? await packed(message) : message;
    if (this.#isOver) return;
    const frame = Buffer.allocUnsafe(prefixBytes + body.length);
    frame.writeUInt8(isPacked ? compressedFlag : 0, 0);
    frame.writeUInt32BE(body.length, 1);
    frame.set(body, prefixBytes);
    this.#respond();
    if (this.#stream.write(frame)) return;
    await new Promise<void>((resolve) => {
      const goOn = (): void => {
        this.#stream.off('drain', goOn).off('close', goOn);
        resolve();
      };
      this.#stream.on('drain', goOn).on('close', goOn);
    });
  }

  get #takesGzip(): boolean {
    const accepted = String(this.#opening.headers['grpc-accept-encoding'] ?? '');
    return accepted.split(',').some((name) => name.trim() === 'gzip');
  }

  #respond(): void {
    if (this.#stream.headersSent) return;
    const encoding = this.#takesGzip && { 'grpc-encoding': 'gzip' };
    const head = { ':status': 200, 'content-type': grpcType, ...encoding };
    this.#stream.respond(head, { waitForTrailers: true });
  }

  /** A peer that goes on sending, or does not read, is not waited for. */
  #cut(): void {
    this.#stream.close(constants.NGHTTP2_CANCEL);
  }

  #end(error?: ConnectError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#held = noBytes;
    if (this.#stream.closed || this.#stream.destroyed) {
      clearTimeout(this.#timer);
      return;
    }
    // An answer may be read for as long as the call has time; an error is not waited for so long.
    if (error) {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#cut(), leaveMaxMs);
    }
    const status = error
      ? Object.fromEntries(setTrailerStatus(new Headers(), error))
      : { 'grpc-status': '0' };
    if (this.#stream.headersSent) {
      this.#stream.once('wantTrailers', () => this.#stream.sendTrailers(status));
      this.#stream.end();
    } else {
      const head = { ':status': constants.HTTP_STATUS_OK, 'content-type': grpcType };
      this.#stream.respond({ ...head, ...status }, { endStream: true });
    }
  }
}

function tooMuch(readMaxBytes: number): ConnectError {
  const text = `message size is larger than configured readMaxBytes ${readMaxBytes}`;
  return new ConnectError(text, Code.ResourceExhausted);
}

function tooLarge(bytes: number, { writeMaxBytes }: LeanOptions): ConnectError {
  const text = `message size ${bytes} is larger than configured writeMaxBytes ${writeMaxBytes}`;
  return new ConnectError(text, Code.ResourceExhausted);
}
