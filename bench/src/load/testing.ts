import { once } from 'node:events';
import http2 from 'node:http2';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { LoadJob, LoadResult, Traffic } from '../model.ts';
import { answerBytes, freshKey } from '../values.ts';

// Peers for the tests of the load generator: real servers, and raw ones for what no server does.

/** A server that a test loads. */
export interface Peer extends AsyncDisposable {
  readonly port: number;
}

/** Answers a call whose body has been read. */
export type Answer = (
  stream: http2.ServerHttp2Stream,
  body: Buffer,
  headers: http2.IncomingHttpHeaders,
) => void;

/** A server of node:http2. */
export async function openHttp2Peer(
  answer: Answer,
  options: http2.ServerOptions = {},
): Promise<Peer> {
  const server = http2.createServer(options);
  const sessions = new Set<http2.ServerHttp2Session>();
  server.on('session', (session) => {
    sessions.add(session);
    session.on('error', () => {});
  });
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    // A call that was given up is no concern of the test.
    const given = (body: Buffer) => !stream.destroyed && answer(stream, body, headers);
    buffer(stream).then(given, () => {});
  });
  return listen(server, () => {
    for (const session of sessions) session.destroy();
  });
}

/** A server that has only a socket for each connection. */
export function openRawPeer(serve: (socket: Socket) => void): Promise<Peer> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    serve(socket);
  });
  return listen(server, () => {
    for (const socket of sockets) socket.destroy();
  });
}

async function listen(server: Server | http2.Http2Server, cut: () => void): Promise<Peer> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.close();
      cut();
    },
  };
}

/** A gRPC message with its prefix. */
export function grpcMessage(message: Uint8Array): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** A good answer. */
export function answerGrpc(
  stream: http2.ServerHttp2Stream,
  message: Uint8Array = answerBytes(1, 100),
): void {
  stream.respond({ ':status': 200 }, { waitForTrailers: true });
  stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  stream.end(grpcMessage(message));
}

/** A body with the digits of a fresh key in it, as long as is wanted. */
export function freshBody(bytes = 100): Traffic['bodies'][number] {
  const key = freshKey(0);
  const content = Buffer.alloc(Math.max(bytes, key.length), 'x');
  content.write(key);
  return { bytes: content, freshAt: [key.indexOf('0')] };
}

/** The digits of such a body's key as it came over gRPC. */
export function freshDigitsOf(body: Buffer): number {
  return Number(/once-(\d{12})/.exec(body.toString('latin1'))?.[1]);
}

/** A short job. */
export function jobFor(
  { port }: { readonly port: number },
  { traffic, ...job }: Partial<Omit<LoadJob, 'traffic'>> & { traffic?: Partial<Traffic> } = {},
): LoadJob {
  return {
    ...{ host: '127.0.0.1', port, connections: 1, freshFrom: 0 },
    load: { kind: 'open', rate: 200 },
    ...{ warmupMs: 0, durationMs: 200, timeoutMs: 5_000 },
    ...job,
    traffic: {
      path: '/weir.router.v1.RouterService/FetchContext',
      protocol: 'grpc',
      heads: [[['authorization', 'Bearer somebody']]],
      bodies: [freshBody()],
      results: 1,
      refusalsAllowed: false,
      ...traffic,
    },
  };
}

/** What became of the calls. */
export function countsOf({ sent, ok, errors }: LoadResult): Partial<LoadResult> {
  return { sent, ok, errors };
}
