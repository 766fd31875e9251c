import { createHash, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import {
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
} from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { Code, ConnectError, type HandlerContext } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { Health } from '../gen/health/v1/health_pb.ts';
import { ProviderService } from '../gen/weir/provider/v1/provider_pb.ts';
import type { OnFault } from './answer.ts';
import type { ProviderDefinition } from './definition.ts';
import { createHealth } from './health.ts';
import { createLeanServer } from './lean.ts';
import { answersOf, createProviderService } from './service.ts';
import { traceCalls } from './trace.ts';

const limits = {
  readMaxBytes: 4 * 1024 * 1024,
  /** A value of the greatest size, and its envelope. */
  writeMaxBytes: 4 * 1024 * 1024 + 1024,
  /** To compress a smaller message takes both sides longer than to send it. */
  packedFromBytes: 64 * 1024,
  /** What an operation may take. */
  maxTimeoutMs: 600_000,
  streamsPerConnection: 100,
  /** Calls that a router breaks off, for their callers have left: at once, and then in a second. */
  resetsAtOnce: 10_000,
  resetsPerSecond: 1_000,
  connections: 1_000,
  headerBytes: 16 * 1024,
  windowBytes: 1024 * 1024,
  /** How long a connection may wait before its first call. */
  silenceMs: 10_000,
};

/** Where and how a provider listens. */
export interface ServerOptions {
  readonly host: string;
  readonly port: number;
  readonly token: string | undefined;
  readonly onFault: OnFault;
}

/** A listening provider. */
export interface ProviderServer {
  readonly port: number;
  /** Reports itself as not serving, and ends watches; other calls are still answered. */
  stopServing(): void;
  /** Resolves once no call is under way, and after `withinMs` at the latest. */
  idle(withinMs: number): Promise<void>;
  /** Ends all connections, and with them the calls still under way. */
  close(): Promise<void>;
}

/** Serves a provider and gRPC health over clear-text HTTP/2. */
export async function openProviderServer(
  current: () => ProviderDefinition,
  { host, port, token, onFault }: ServerOptions,
): Promise<ProviderServer> {
  const health = createHealth();
  const stopping = new AbortController();
  const stopped = new AbortController();
  const stopServing = (): void => {
    health.stopServing();
    stopping.abort();
  };
  const service = createProviderService(current, onFault, stopping.signal);
  const http2 = {
    settings: {
      maxConcurrentStreams: limits.streamsPerConnection,
      maxHeaderListSize: limits.headerBytes,
      initialWindowSize: limits.windowBytes,
    },
    // Beyond them all calls of the connection are lost, and one router has one connection.
    streamResetBurst: limits.resetsAtOnce,
    streamResetRate: limits.resetsPerSecond,
  };
  const lean = createLeanServer({
    ...limits,
    ...answersOf(current, onFault),
    letsIn: checkOf(token),
  });
  const server = createServer(http2);
  // What is not taken by the lean server is the library's; this one is only given its streams.
  const whole = createServer(
    http2,
    connectNodeAdapter({
      readMaxBytes: limits.readMaxBytes,
      writeMaxBytes: limits.writeMaxBytes,
      maxTimeoutMs: limits.maxTimeoutMs,
      compressMinBytes: limits.packedFromBytes,
      shutdownSignal: stopped.signal,
      requestGate: gateOf(token),
      interceptors: [traceCalls],
      routes: (router) => router.service(ProviderService, service).service(Health, health.service),
    }),
  );
  server.on('stream', (stream, headers, flags, rawHeaders: string[]) => {
    if (!lean.take(stream, headers)) whole.emit('stream', stream, headers, flags, rawHeaders);
  });
  server.maxConnections = limits.connections;
  const sessions = trackSessions(server, checkOf(token));
  const sockets = trackSockets(server);
  const calls = trackCalls(server);
  server.listen({ host, port });
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    stopServing,
    idle: calls.idle,
    async close() {
      stopServing();
      const closed = once(server, 'close');
      server.close();
      const error = new ConnectError('the provider is stopping', Code.Unavailable);
      stopped.abort(error);
      lean.abort(error);
      await calls.idle(1_000);
      for (const session of sessions) session.close();
      // A peer that does not answer the farewell must not hold the process. Its session may have
      // ended on this side, and its socket waits for the other.
      const patience = setTimeout(() => {
        for (const socket of sockets) socket.destroy();
      }, 500);
      await closed;
      clearTimeout(patience);
    },
  };
}

function gateOf(token: string | undefined): (context: HandlerContext) => void {
  const letsIn = checkOf(token);
  return ({ service, requestHeader }) => {
    if (service.typeName === Health.typeName) return;
    if (letsIn(requestHeader.get('authorization') ?? undefined)) return;
    throw new ConnectError('the bearer token of this provider is needed', Code.Unauthenticated);
  };
}

function checkOf(token: string | undefined): (authorization: string | undefined) => boolean {
  if (token === undefined) return () => true;
  const wanted = digest(`Bearer ${token}`);
  return (authorization = '') => timingSafeEqual(wanted, digest(authorization));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** A connection has to bring a call that may be made, before it is silent for too long. */
function trackSessions(
  server: Http2Server,
  letsIn: (authorization: string | undefined) => boolean,
): ReadonlySet<ServerHttp2Session> {
  const sessions = new Set<ServerHttp2Session>();
  server.on('session', (session) => {
    sessions.add(session);
    const silence = setTimeout(() => session.destroy(), limits.silenceMs);
    const hear = (_: unknown, headers: IncomingHttpHeaders): void => {
      const isHealth = headers[':path']?.startsWith(`/${Health.typeName}/`);
      if (!isHealth && !letsIn(headers.authorization)) return;
      clearTimeout(silence);
      session.off('stream', hear);
    };
    session.on('stream', hear);
    session.once('close', () => {
      clearTimeout(silence);
      sessions.delete(session);
    });
  });
  return sessions;
}

function trackSockets(server: Http2Server): ReadonlySet<Socket> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  return sockets;
}

/** Counts the calls of routers under way; health watches never end and do not count. */
function trackCalls(server: Http2Server): { idle(withinMs: number): Promise<void> } {
  let underWay = 0;
  const waiting = new Set<() => void>();
  server.on('stream', (stream, headers) => {
    if (!headers[':path']?.startsWith(`/${ProviderService.typeName}/`)) return;
    underWay += 1;
    stream.once('close', () => {
      underWay -= 1;
      if (underWay === 0) for (const done of waiting) done();
    });
  });
  return {
    idle: (withinMs) =>
      new Promise((resolve) => {
        const done = (): void => {
          clearTimeout(timer);
          waiting.delete(done);
          resolve();
        };
        const timer = setTimeout(done, withinMs);
        waiting.add(done);
        if (underWay === 0) done();
      }),
  };
}
