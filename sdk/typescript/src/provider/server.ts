import { createHash, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Http2Server, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { Code, ConnectError, type HandlerContext } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { Health } from '../gen/health/v1/health_pb.ts';
import { ProviderService } from '../gen/weir/provider/v1/provider_pb.ts';
import type { OnFault } from './answer.ts';
import type { ProviderDefinition } from './definition.ts';
import { createHealth } from './health.ts';
import { createProviderService } from './service.ts';
import { traceCalls } from './trace.ts';

const limits = {
  readMaxBytes: 4 * 1024 * 1024,
  /** A value of the greatest size, and its envelope. */
  writeMaxBytes: 4 * 1024 * 1024 + 1024,
  maxTimeoutMs: 60_000,
  streamsPerConnection: 100,
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
  /** Reports itself as not serving; calls are still answered. */
  stopServing(): void;
  /** Resolves once no call is under way, and after `withinMs` at the latest. */
  idle(withinMs: number): Promise<void>;
  /** Ends all connections, and with them the calls still under way. */
  close(): Promise<void>;
}

/** Serves a provider and gRPC health over clear-text HTTP/2. */
export async function openProviderServer(
  provider: ProviderDefinition,
  { host, port, token, onFault }: ServerOptions,
): Promise<ProviderServer> {
  const health = createHealth();
  const stopped = new AbortController();
  const server = createServer(
    {
      settings: {
        maxConcurrentStreams: limits.streamsPerConnection,
        maxHeaderListSize: limits.headerBytes,
        initialWindowSize: limits.windowBytes,
      },
    },
    connectNodeAdapter({
      readMaxBytes: limits.readMaxBytes,
      writeMaxBytes: limits.writeMaxBytes,
      maxTimeoutMs: limits.maxTimeoutMs,
      shutdownSignal: stopped.signal,
      requestGate: gateOf(token),
      interceptors: [traceCalls],
      routes: (router) =>
        router
          .service(ProviderService, createProviderService(provider, onFault))
          .service(Health, health.service),
    }),
  );
  server.maxConnections = limits.connections;
  const sessions = trackSessions(server);
  const calls = trackCalls(server);
  server.listen({ host, port });
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    stopServing: health.stopServing,
    idle: calls.idle,
    async close() {
      health.stopServing();
      const closed = once(server, 'close');
      server.close();
      stopped.abort(new ConnectError('the provider is stopping', Code.Unavailable));
      await calls.idle(1_000);
      for (const session of sessions) session.close();
      // A peer that does not answer the farewell must not hold the process.
      const patience = setTimeout(() => {
        for (const session of sessions) session.destroy();
      }, 500);
      await closed;
      clearTimeout(patience);
    },
  };
}

function gateOf(token: string | undefined): (context: HandlerContext) => void {
  if (token === undefined) return () => {};
  const wanted = digest(`Bearer ${token}`);
  return ({ service, requestHeader }) => {
    if (service.typeName === Health.typeName) return;
    const given = digest(requestHeader.get('authorization') ?? '');
    if (timingSafeEqual(wanted, given)) return;
    throw new ConnectError('the bearer token of this provider is needed', Code.Unauthenticated);
  };
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function trackSessions(server: Http2Server): ReadonlySet<ServerHttp2Session> {
  const sessions = new Set<ServerHttp2Session>();
  server.on('session', (session) => {
    sessions.add(session);
    const silence = setTimeout(() => session.destroy(), limits.silenceMs);
    session.once('stream', () => clearTimeout(silence));
    session.once('close', () => {
      clearTimeout(silence);
      sessions.delete(session);
    });
  });
  return sessions;
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
