import { createServer as createHttp1 } from 'node:http';
import { createServer as createHttp2, type ServerHttp2Session } from 'node:http2';
import { type AddressInfo, createServer, type Server as NetServer, type Socket } from 'node:net';
import type { Logger } from '../log.ts';
import { listenFault } from '../settings.ts';
import { within } from './abort.ts';
import type { HttpHandler, HttpRequest, HttpResponse } from './http.ts';
import type { ServeLimits } from './limits.ts';

const streamWindowBytes = 1024 * 1024;
const connectionWindowBytes = 8 * 1024 * 1024;
/** Answers wait here for slow readers: room for every stream to hold a large one. */
const sessionMemoryMb = 512;
const requestReceiveMs = 60_000;
const idleHttp1Ms = 60_000;
const keepAliveProbeMs = 60_000;
const lingerMs = 500;
const flushMs = 250;
const http2Preface = 'PRI';

/** What a listener needs. */
export interface ListenerOptions {
  readonly host: string;
  readonly port: number;
  readonly limits: ServeLimits;
  readonly log: Logger;
  readonly onRequest: HttpHandler;
}

/** A port on which HTTP/1.1 and HTTP/2 are spoken in clear text. */
export interface Listener {
  readonly port: number;
  /** Takes no new connection, and asks the peers of the others to go away. */
  retire(): void;
  /** Resolves when no request is being answered, or after a time. True: none is. */
  quiet(maxMs: number): Promise<boolean>;
  /** Ends all connections, flushing what has been written. */
  close(): Promise<void>;
}

/** Listens. Rejects when the address cannot be had. */
export async function openListener(options: ListenerOptions): Promise<Listener> {
  const requests = createRequestCount();
  const onRequest = (request: HttpRequest, response: HttpResponse) => {
    requests.add(response);
    options.onRequest(request, response);
  };
  const http1 = openHttp1(options.limits, onRequest);
  const http2 = openHttp2(options.limits, onRequest);
  const sockets = new Set<Socket>();
  const unsorted = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.add(socket);
    unsorted.add(socket);
    socket.once('close', () => {
      sockets.delete(socket);
      unsorted.delete(socket);
    });
    socket.on('error', (error) => options.log.debug({ err: error }, 'a connection broke'));
    socket.setKeepAlive(true, keepAliveProbeMs);
    sortByFirstBytes(socket, options.limits.silentSocketMs, (protocol) => {
      unsorted.delete(socket);
      // HTTP/1.1 answers peers that have closed their half; an HTTP/2 peer that did is gone.
      socket.allowHalfOpen = protocol === 'http1';
      (protocol === 'http2' ? http2.server : http1).emit('connection', socket);
    });
  });
  server.maxConnections = options.limits.maxConnections;
  await listening(server, options);
  const closed = new Promise<void>((resolve) => server.once('close', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    retire() {
      server.close();
      for (const socket of unsorted) socket.destroy();
      http1.closeIdleConnections();
      for (const session of http2.sessions) session.close();
    },
    quiet: (maxMs) => requests.none(maxMs),
    async close() {
      http1.close();
      // A peer that is asked to go away reads what is still on the wire, then hangs up.
      await within(lingerMs, closed);
      for (const session of http2.sessions) session.destroy();
      await within(flushMs, closed);
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function listening(server: NetServer, { host, port }: ListenerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: Error) => reject(listenFault(error, host, port));
    server.once('error', failed);
    server.listen({ host, port }, () => {
      server.off('error', failed);
      resolve();
    });
  });
}

/** Waits for the bytes that tell the protocols apart, and ends sockets that never send them. */
function sortByFirstBytes(
  socket: Socket,
  silentMs: number,
  sorted: (protocol: 'http1' | 'http2') => void,
): void {
  let head = Buffer.alloc(0);
  const silent = setTimeout(() => socket.destroy(), silentMs);
  const onEnd = () => socket.destroy();
  const onReadable = () => {
    const chunk: Buffer | null = socket.read();
    if (chunk === null) return;
    head = Buffer.concat([head, chunk]);
    const start = head.toString('latin1', 0, http2Preface.length);
    if (start.length < http2Preface.length && http2Preface.startsWith(start)) return;
    socket.off('readable', onReadable);
    socket.off('end', onEnd);
    clearTimeout(silent);
    socket.unshift(head);
    sorted(start === http2Preface ? 'http2' : 'http1');
  };
  socket.on('readable', onReadable);
  socket.on('end', onEnd);
  socket.once('close', () => clearTimeout(silent));
}

function openHttp1(limits: ServeLimits, onRequest: HttpHandler) {
  const server = createHttp1(
    {
      maxHeaderSize: limits.headersMaxBytes,
      headersTimeout: limits.silentSocketMs,
      requestTimeout: Math.max(requestReceiveMs, limits.silentSocketMs),
      keepAliveTimeout: idleHttp1Ms,
      connectionsCheckingInterval: Math.ceil(limits.silentSocketMs / 4),
    },
    onRequest,
  );
  // A server that is fed sockets never listens, and would not run its own timeouts for
  // headers and requests: they begin with this event.
  server.emit('listening');
  return server;
}

function openHttp2(limits: ServeLimits, onRequest: HttpHandler) {
  const sessions = new Set<ServerHttp2Session>();
  const server = createHttp2(
    {
      maxSessionMemory: sessionMemoryMb,
      settings: {
        initialWindowSize: streamWindowBytes,
        maxConcurrentStreams: limits.streamsPerConnection,
        maxHeaderListSize: limits.headersMaxBytes,
      },
    },
    (request, response) => {
      // Peers are held to the settings only from when they have acknowledged them.
      if (headerBytes(request.rawHeaders) <= limits.headersMaxBytes) {
        return onRequest(request, response);
      }
      response.statusCode = 431;
      response.end();
    },
  );
  server.on('session', (session) => {
    sessions.add(session);
    // The preface may be begun and never finished.
    const silent = setTimeout(() => session.destroy(), limits.silentSocketMs);
    session.once('remoteSettings', () => clearTimeout(silent));
    session.once('close', () => {
      clearTimeout(silent);
      sessions.delete(session);
    });
    session.setLocalWindowSize(connectionWindowBytes);
  });
  return { server, sessions };
}

function headerBytes(rawHeaders: readonly string[]): number {
  return rawHeaders.reduce((sum, text) => sum + text.length, 0);
}

function createRequestCount() {
  let count = 0;
  let atNone = Promise.withResolvers<void>();
  return {
    add(response: HttpResponse) {
      count += 1;
      response.once('close', () => {
        count -= 1;
        if (count > 0) return;
        atNone.resolve();
        atNone = Promise.withResolvers();
      });
    },
    async none(maxMs: number): Promise<boolean> {
      if (count === 0) return true;
      await within(maxMs, atNone.promise);
      return count === 0;
    },
  };
}
