import { once } from 'node:events';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type IncomingHttpHeaders,
  type SecureClientSessionOptions,
} from 'node:http2';
import { Code, ConnectError } from '@connectrpc/connect';
import { errorFromJsonBytes } from '@connectrpc/connect/protocol-connect';
import { findTrailerError } from '@connectrpc/connect/protocol-grpc';
import {
  BadRequestSchema,
  ErrorInfoSchema,
  RetryInfoSchema,
} from '@weir/sdk/gen/google/rpc/error_details_pb';

// Calls over HTTP/2 without a client library: what is sent is what stands here, and nothing of the
// answer is lost.

/** How a unary call is spoken. */
export type CallProtocol = 'grpc' | 'connect';

/** Both of them. */
export const callProtocols: readonly CallProtocol[] = ['grpc', 'connect'];

/** A call, as it is sent. */
export interface RawCall {
  readonly protocol: CallProtocol;
  readonly path: string;
  /** Beside the content type; undefined leaves one out. */
  readonly headers?: Readonly<Record<string, string | string[] | undefined>>;
  /** The body, in pieces that are sent one by one. */
  readonly pieces?: readonly Uint8Array[];
  /** Whether the body is ended. Default: true. */
  readonly ends?: boolean;
}

/** What came back. */
export interface RawAnswer {
  /** Of HTTP; undefined: there was no answer. */
  readonly status: number | undefined;
  readonly contentType: string | undefined;
  readonly requestId: string | undefined;
  readonly retryAfter: string | undefined;
  /** Undefined: the call failed, or nothing came. */
  readonly message: Buffer | undefined;
  readonly error: ToldError | undefined;
  /** With which the stream was reset; 0: it was not, or without a fault. */
  readonly resetCode: number;
  /** An answer of gRPC that is one block of headers. */
  readonly trailersOnly: boolean;
}

/** What a caller is told of an error. */
export interface ToldError {
  readonly code: string;
  readonly text: string;
  readonly reason: string | undefined;
  readonly domain: string | undefined;
  readonly metadata: Readonly<Record<string, string>> | undefined;
  readonly retryDelayMs: number | undefined;
  readonly violations: readonly (readonly [field: string, description: string])[];
}

const types: Readonly<Record<CallProtocol, string>> = {
  grpc: 'application/grpc+proto',
  connect: 'application/proto',
};
const PREFIX_BYTES = 5;

/** A message behind the prefix of gRPC, which may lie about its length. */
export function prefixed(message: Uint8Array, flags = 0, length = message.length): Buffer {
  const head = Buffer.alloc(PREFIX_BYTES);
  head.writeUInt8(flags);
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, message]);
}

/** The body of a call that holds one message. */
export function bodyOf(protocol: CallProtocol, message: Uint8Array): Buffer {
  return protocol === 'grpc' ? prefixed(message) : Buffer.from(message);
}

/** Opens a connection; its faults are those of its calls. */
export function openConnection(
  url: string,
  options: SecureClientSessionOptions = {},
): ClientHttp2Session & Disposable {
  // Several of what should be one: the other end is to say so.
  const lenient = { strictSingleValueFields: false, ...options };
  const session = connect(url, lenient);
  session.on('error', () => {});
  return Object.assign(session, { [Symbol.dispose]: () => session.destroy() });
}

/** Begins a call, and sends what of its body is given. */
export function beginCall(
  session: ClientHttp2Session,
  { protocol, path, headers = {}, pieces = [], ends = true }: RawCall,
): ClientHttp2Stream {
  const given = { 'content-type': types[protocol], ...headers };
  const known = Object.entries(given).filter(([, value]) => value !== undefined);
  const stream = session.request(
    { ':method': 'POST', ':path': path, ...Object.fromEntries(known) },
    { endStream: ends && pieces.length === 0 },
  );
  stream.on('error', () => {});
  for (const piece of pieces) stream.write(piece);
  if (ends && pieces.length > 0) stream.end();
  return stream;
}

/** What a call that was begun comes to. */
export async function answerOf(
  stream: ClientHttp2Stream,
  protocol: CallProtocol,
): Promise<RawAnswer> {
  let head: IncomingHttpHeaders = {};
  let trailers: IncomingHttpHeaders = {};
  let trailersOnly = false;
  const chunks: Buffer[] = [];
  stream.on('response', (headers, flags) => {
    head = headers;
    trailersOnly = (flags & END_STREAM) !== 0;
  });
  stream.on('trailers', (headers) => {
    trailers = headers;
  });
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  // An answer may come whole before the body has left; who has it asks for no more.
  stream.on('end', () => stream.destroy());
  await once(stream, 'close');
  const body = Buffer.concat(chunks);
  const status = head[':status'] === undefined ? undefined : Number(head[':status']);
  const failed =
    status === undefined ? undefined : errorIn(protocol, { ...head, ...trailers }, body);
  const resetCode = stream.rstCode;
  return {
    status,
    contentType: head['content-type'],
    requestId: textOf(head['x-request-id'] ?? trailers['x-request-id']),
    retryAfter: textOf(head['retry-after'] ?? trailers['retry-after']),
    message: status === 200 && !failed ? messageIn(protocol, body) : undefined,
    error: failed && told(failed),
    ...{ resetCode, trailersOnly },
  };
}

const END_STREAM = 1;

/** Makes a call on a connection. */
export function call(session: ClientHttp2Session, sent: RawCall): Promise<RawAnswer> {
  return answerOf(beginCall(session, sent), sent.protocol);
}

function textOf(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(', ') : value;
}

function errorIn(
  protocol: CallProtocol,
  headers: IncomingHttpHeaders,
  body: Buffer,
): ConnectError | undefined {
  if (protocol === 'grpc') {
    const given = Object.entries(headers).filter(([name]) => !name.startsWith(':'));
    return findTrailerError(new Headers(given.map(([name, value]) => [name, textOf(value) ?? ''])));
  }
  if (Number(headers[':status']) === 200 || !headers['content-type']?.endsWith('/json'))
    return undefined;
  return errorFromJsonBytes(body, undefined, new ConnectError('no error', Code.Unknown));
}

function messageIn(protocol: CallProtocol, body: Buffer): Buffer {
  if (protocol === 'connect') return body;
  const length = body.readUInt32BE(1);
  if (body[0] !== 0 || body.length !== PREFIX_BYTES + length) throw new Error('not one message');
  return body.subarray(PREFIX_BYTES);
}

function told(error: ConnectError): ToldError {
  const [info] = error.findDetails(ErrorInfoSchema);
  const [retry] = error.findDetails(RetryInfoSchema);
  const delay = retry?.retryDelay;
  return {
    code: Code[error.code],
    text: error.rawMessage,
    reason: info?.reason,
    domain: info?.domain,
    metadata: info?.metadata,
    retryDelayMs: delay && Number(delay.seconds) * 1_000 + delay.nanos / 1e6,
    violations: error
      .findDetails(BadRequestSchema)
      .flatMap(({ fieldViolations }) =>
        fieldViolations.map(({ field, description }) => [field, description] as const),
      ),
  };
}
