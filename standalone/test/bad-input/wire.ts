import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:http2';
import { buffer } from 'node:stream/consumers';
import { Code } from '@connectrpc/connect';

/** A protocol, as it looks on the wire. */
export interface Wire {
  /** The content type of a call. */
  readonly type: string;
  /** The header that names the compression of a message. */
  readonly encoding: string;
  /** Whether messages stand in frames: a byte of flags and four of the length. */
  readonly framed: boolean;
}

/** The protocols by name. */
export const wires = {
  gRPC: { type: 'application/grpc+proto', encoding: 'grpc-encoding', framed: true },
  'gRPC-Web': { type: 'application/grpc-web+proto', encoding: 'grpc-encoding', framed: true },
  'Connect binary': { type: 'application/proto', encoding: 'content-encoding', framed: false },
  'Connect JSON': { type: 'application/json', encoding: 'content-encoding', framed: false },
} as const satisfies Record<string, Wire>;

/** The name of a protocol. */
export type WireName = keyof typeof wires;

/** What is sent. */
export interface Sent {
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

/** What came back: the status of HTTP, and the code that the protocol carries. */
export interface Answer {
  readonly status: number;
  /** Undefined where HTTP says it all. */
  readonly code: string | undefined;
  readonly text: string;
  readonly body: Buffer;
}

/** How long an answer may take: far more than it does, and less than a call without deadline. */
const ANSWER_MAX_MS = 20_000;
const fetchPath = '/weir.router.v1.RouterService/FetchContext';

/** One frame. */
export function frame(message: Uint8Array, flags = 0, length = message.length): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(flags);
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, message]);
}

/** Sends bytes as one call of a protocol, on a connection of its own. */
export async function sendBytes(
  { url, key }: { readonly url: string; readonly key: string },
  name: WireName,
  { path = fetchPath, headers = {}, body = Buffer.alloc(0) }: Sent,
): Promise<Answer> {
  const all = { 'content-type': wires[name].type, authorization: `Bearer ${key}`, ...headers };
  if (name === 'gRPC') return sendGrpc(url, { ':path': path, te: 'trailers', ...all }, body);
  const answer = await sendHttp1(new URL(path, url), all, body);
  if (name === 'gRPC-Web') return { ...answer, ...trailersOf(answer) };
  return { ...answer, ...connectErrorOf(answer) };
}

async function sendGrpc(
  url: string,
  headers: Record<string, string>,
  body: Uint8Array,
): Promise<Answer> {
  const session = connect(url);
  session.on('error', () => {});
  try {
    const stream = session.request({ ':method': 'POST', ...headers });
    stream.setTimeout(ANSWER_MAX_MS, () => stream.destroy(new Error('no answer')));
    const answered = once(stream, 'response') as Promise<[Record<string, string>]>;
    let trailers: Record<string, unknown> = {};
    stream.on('trailers', (held) => {
      trailers = held;
    });
    stream.end(body);
    const [[head], received] = await Promise.all([answered, buffer(stream)]);
    const status = trailers['grpc-status'] ?? head['grpc-status'];
    const text = String(trailers['grpc-message'] ?? head['grpc-message'] ?? '');
    return { status: Number(head[':status']), code: codeName(status), text, body: received };
  } finally {
    session.destroy();
  }
}

async function sendHttp1(
  url: URL,
  headers: Record<string, string>,
  body: Uint8Array,
): Promise<Answer> {
  const request = httpRequest(url, { method: 'POST', agent: false, headers });
  request.setTimeout(ANSWER_MAX_MS, () => request.destroy(new Error('no answer')));
  request.end(body);
  const [response] = await once(request, 'response');
  const received = await buffer(response);
  request.on('error', () => {});
  return { status: response.statusCode, code: undefined, text: '', body: received };
}

/** The trailers of gRPC-Web are the last frame; an answer of trailers only has them in headers. */
function trailersOf({ body }: Answer): Partial<Answer> {
  for (let at = 0; at + 5 <= body.length; at += 5 + body.readUInt32BE(at + 1)) {
    if (((body[at] ?? 0) & 0x80) === 0) continue;
    const text = body.toString('utf8', at + 5);
    const status = /^grpc-status: *(\d+)/im.exec(text)?.[1];
    return { code: codeName(status), text: /^grpc-message: *(.*)$/im.exec(text)?.[1] ?? '' };
  }
  return {};
}

function connectErrorOf({ status, body }: Answer): Partial<Answer> {
  if (status === 200) return {};
  try {
    const { code, message = '' } = JSON.parse(body.toString()) as Record<string, string>;
    const pascal = code?.replace(/(^|_)([a-z])/g, (_, __, letter: string) => letter.toUpperCase());
    return { code: pascal, text: message };
  } catch {
    return { text: body.toString() };
  }
}

function codeName(status: unknown): string | undefined {
  return status === undefined
    ? undefined
    : (Code[Number(status)] ?? (status === '0' ? 'OK' : `${status}`));
}
