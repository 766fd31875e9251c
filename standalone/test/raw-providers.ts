import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer as createHttp1 } from 'node:http';
import { createServer as createHttp2, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, createServer as createTcp, type Server, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { FetchResponseSchema } from '@weir/sdk/gen/weir/provider/v1/provider_pb';

const fetchPath = '/weir.provider.v1.ProviderService/Fetch';

type Response = MessageInitShape<typeof FetchResponseSchema>;

/** Something that listens where a provider should, on a real socket. */
export interface RawServer extends AsyncDisposable {
  readonly url: string;
}

/** A server of HTTP/2 that does as it is told with each call. */
export interface RawProvider extends RawServer {
  /** What it does with the next calls. */
  answer: (stream: ServerHttp2Stream) => void;
  /** The `grpc-timeout` of each call, in its order. */
  readonly timeouts: string[];
  /** Calls that came. */
  readonly calls: number;
  /** Calls under way. */
  readonly underWay: number;
  /** The most calls that were under way at once. */
  readonly most: number;
}

/** Opens a provider without any library between it and the wire. */
export async function openRawProvider(answer: RawProvider['answer']): Promise<RawProvider> {
  const timeouts: string[] = [];
  let underWay = 0;
  let most = 0;
  const server = createHttp2();
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    // The registry looks after the health of every endpoint: this one does not serve that.
    if (headers[':path'] !== fetchPath) {
      stream.respond({ ...grpcHeaders, 'grpc-status': '12' }, { endStream: true });
      return;
    }
    timeouts.push(String(headers['grpc-timeout']));
    most = Math.max(most, ++underWay);
    stream.on('close', () => underWay--);
    provider.answer(stream);
  });
  const listening = await listen(server);
  const provider: RawProvider = {
    ...listening,
    answer,
    timeouts,
    get calls() {
      return timeouts.length;
    },
    get underWay() {
      return underWay;
    },
    get most() {
      return most;
    },
  };
  return provider;
}

/** Opens a server that speaks HTTP/1.1 only. */
export function openHttp1(): Promise<RawServer> {
  return listen(createHttp1((_, response) => response.end('<html>hello</html>')));
}

/** Opens a server that takes connections and says nothing, or what it is given. */
export function openTcp(greeting?: string): Promise<RawServer> {
  return listen(
    createTcp((socket) => {
      socket.on('error', () => {});
      if (greeting !== undefined) socket.write(greeting);
    }),
  );
}

/** The address of a port at which nobody listens. */
export async function nobody(): Promise<string> {
  const server = await openTcp();
  await server[Symbol.asyncDispose]();
  return server.url;
}

/** A provider in a process of its own; `stop` leaves its connections open, and dead. */
export async function spawnProvider(): Promise<RawServer & { stop(): void; goOn(): void }> {
  const script = fileURLToPath(new URL('provider-process.ts', import.meta.url));
  const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [printed] = await once(child.stdout, 'data');
  return {
    url: `http://127.0.0.1:${String(printed).trim()}`,
    stop: () => void child.kill('SIGSTOP'),
    goOn: () => void child.kill('SIGCONT'),
    [Symbol.asyncDispose]: () => end(child),
  };
}

async function end(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

/** A message of gRPC. */
export function envelope(response: Response): Buffer {
  const message = toBinary(FetchResponseSchema, create(FetchResponseSchema, response));
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** The headers that a gRPC server begins with. */
export const grpcHeaders = { ':status': 200, 'content-type': 'application/grpc+proto' };

/** Begins an answer, and ends it with a status once the stream has no more to write. */
export function respond(stream: ServerHttp2Stream, status?: string): void {
  stream.respond(grpcHeaders, { waitForTrailers: status !== undefined });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': status ?? '0' }));
}

/** Answers one query and ends as a provider should. */
export function answerOne(stream: ServerHttp2Stream, payload = Buffer.from('1')): void {
  respond(stream, '0');
  stream.end(envelope({ results: [{ outcome: { case: 'content', value: { payload } } }] }));
}

/** Sends a message again and again, as fast as it is taken, until the other end has enough. */
export function flood(stream: ServerHttp2Stream, message: Buffer): void {
  const more = () => {
    while (!stream.destroyed && stream.write(message));
  };
  stream.on('drain', more);
  more();
}

async function listen(server: Server): Promise<RawServer> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      if (server.listening) await new Promise((resolve) => server.close(resolve));
    },
  };
}
