import { ServerResponse } from 'node:http';
import { type AddressInfo, createServer, type Server as NetServer, type Socket } from 'node:net';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { listenFault } from '../settings.ts';
import { TransientSet } from '../transient.ts';
import { within } from './abort.ts';
import { createAddressCount } from './addresses.ts';
import type { HttpHandler, HttpRequest, HttpResponse } from './http.ts';
import { openHttp1 } from './http1.ts';
import { openHttp2 } from './http2.ts';
import type { FastLane } from './lane/lane.ts';
import type { ServeLimits } from './limits.ts';
import type { SlowReaders } from './slow-reader.ts';
import { openTlsSide, type ServerTls, type TlsSide, type TlsSideOptions } from './tls-server.ts';
import type { WebSocketSide } from './websocket/sockets.ts';

const keepAliveProbeMs = 60_000;
/** How long a connection of HTTP/1.1 that rests may still bring a call when the server stops. */
const noticeMs = 500;
const lingerMs = 500;
const flushMs = 250;
const http2Preface = 'PRI';
/** The first byte of a handshake (RFC 8446, 5.1). */
const tlsHandshake = '\x16';
const tlsOnly =
  'HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-type: text/plain\r\n\r\n' +
  'this port speaks TLS: call https, not http\n';

/** What a listener needs. */
export interface ListenerOptions {
  readonly host: string;
  readonly port: number;
  readonly limits: ServeLimits;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly onRequest: HttpHandler;
  /** Requests that are being answered, those of the fast lane among them. */
  readonly requests: Requests;
  /** Left out: every call goes to `onRequest`. */
  readonly lane?: FastLane | undefined;
  /** Left out: no request becomes a WebSocket. */
  readonly webSockets?: WebSocketSide | undefined;
  /** The watch over readers. */
  readonly readers: Pick<SlowReaders, 'enter' | 'leave'>;
  /** Who reads HTTP/2. */
  readonly http2: 'own' | 'node';
  /** Left out: only clear text is spoken. */
  readonly tls?: ServerTls | undefined;
}

/** A port on which HTTP/1.1 and HTTP/2 are spoken, in clear text or over TLS. */
export interface Listener {
  readonly port: number;
  /**
   * Takes no new connection, and asks the peers of the others to go away. Serves what they send
   * until they have heard of it, for some time at most.
   */
  retire(maxMs: number): Promise<void>;
  /** Resolves when no request is being answered, or after a time. True: none is. */
  quiet(maxMs: number): Promise<boolean>;
  /** Ends all connections, flushing what has been written. */
  close(): Promise<void>;
}

/** Listens. Rejects when the address cannot be had. */
export async function openListener(options: ListenerOptions): Promise<Listener> {
  const { requests } = options;
  const onRequest = (request: HttpRequest, response: HttpResponse) => {
    requests.enter(response);
    response.once('close', () => requests.leave(response));
    if (request.httpVersionMajor === 1 && secure?.isOutdated(request.socket)) {
      response.setHeader('connection', 'close');
    }
    options.onRequest(request, response);
  };
  const { limits, lane, readers, webSockets } = options;
  const http1 = openHttp1(limits, onRequest, webSockets);
  const own = options.http2 === 'own';
  const http2 = openHttp2({ limits, onRequest, lane, readers, own });
  const sockets = new Set<Socket>();
  const unsorted = new Set<Socket>();
  const refused = countConnections(options.metrics, sockets);
  const addresses = createAddressCount(options.limits.maxConnectionsPerAddress);
  const hand = (socket: Socket, protocol: 'http1' | 'http2') => {
    if (protocol === 'http2') http2.accept(socket);
    else http1.emit('connection', socket);
  };
  const secure = openSecure(options, {
    onSecure: hand,
    onOutdated() {
      http2.renew();
      webSockets?.renew();
      http1.closeIdleConnections();
    },
  });
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    if (!addresses.enter(socket)) return refused('per_address');
    sockets.add(socket);
    unsorted.add(socket);
    socket.once('close', () => {
      sockets.delete(socket);
      unsorted.delete(socket);
    });
    socket.on('error', (error) => options.log.debug({ err: error }, 'a connection broke'));
    socket.setKeepAlive(true, keepAliveProbeMs);
    const { silentSocketMs } = options.limits;
    sortByFirstBytes(socket, { silentSocketMs, knowsTls: secure !== undefined }, (protocol) => {
      unsorted.delete(socket);
      // HTTP/1.1 answers peers that have closed their half; another peer that did is gone.
      socket.allowHalfOpen = protocol === 'http1';
      if (protocol === 'tls') secure?.accept(socket);
      else if (options.tls?.clearText === false) refuseClearText(socket, protocol);
      else hand(socket, protocol);
    });
  });
  server.maxConnections = options.limits.maxConnections;
  server.on('drop', () => refused('all'));
  await listening(server, options);
  const closed = new Promise<void>((resolve) => server.once('close', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    async retire(maxMs) {
      server.close();
      requests.makeLast();
      const told = Promise.all([http2.retire(), webSockets?.retire()]).then(() => undefined);
      // A connection of HTTP/1.1 is told with its next answer, and one that rests is no loss.
      await within(Math.min(maxMs, noticeMs), closed);
      for (const socket of unsorted) socket.destroy();
      http1.closeIdleConnections();
      await within(Math.max(0, maxMs - noticeMs), told);
      http2.close();
      webSockets?.close();
    },
    quiet: (maxMs) => requests.none(maxMs),
    async close() {
      http1.close();
      webSockets?.destroy();
      // A peer that is asked to go away reads what is still on the wire, then hangs up.
      await within(lingerMs, closed);
      http2.destroy();
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

function openSecure(
  { tls, limits, log, metrics }: ListenerOptions,
  on: Pick<TlsSideOptions, 'onSecure' | 'onOutdated'>,
): TlsSide | undefined {
  return tls && openTlsSide({ tls, limits, log, metrics, ...on });
}

/** Says so to those who can be told in clear text. */
function refuseClearText(socket: Socket, protocol: 'http1' | 'http2'): void {
  if (protocol === 'http1') socket.end(tlsOnly);
  socket.resume();
  const late = setTimeout(() => socket.destroy(), protocol === 'http1' ? lingerMs : 0);
  socket.once('close', () => clearTimeout(late));
}

/** Waits for the bytes that tell the protocols apart, and ends sockets that never send them. */
function sortByFirstBytes(
  socket: Socket,
  { silentSocketMs, knowsTls }: { readonly silentSocketMs: number; readonly knowsTls: boolean },
  sorted: (protocol: 'http1' | 'http2' | 'tls') => void,
): void {
  let head = Buffer.alloc(0);
  const silent = setTimeout(() => socket.destroy(), silentSocketMs);
  const onEnd = () => socket.destroy();
  const onReadable = () => {
    const chunk: Buffer | null = socket.read();
    if (chunk === null) return;
    head = Buffer.concat([head, chunk]);
    const start = head.toString('latin1', 0, http2Preface.length);
    const isTls = knowsTls && start.startsWith(tlsHandshake);
    if (!isTls && start.length < http2Preface.length && http2Preface.startsWith(start)) return;
    socket.off('readable', onReadable);
    socket.off('end', onEnd);
    clearTimeout(silent);
    socket.unshift(head);
    sorted(isTls ? 'tls' : start === http2Preface ? 'http2' : 'http1');
  };
  socket.on('readable', onReadable);
  socket.on('end', onEnd);
  socket.once('close', () => clearTimeout(silent));
}

/** Shows the connections; returns what counts those that were refused, by the limit that they met. */
function countConnections({ meter }: Metrics, sockets: ReadonlySet<Socket>) {
  meter
    .createObservableGauge('weir_connections', { description: 'Connections of callers.' })
    .addCallback((result) => result.observe(sockets.size));
  const refused = meter.createCounter('weir_connections_refused', {
    description: 'Connections refused, by the limit that they met.',
  });
  const count = (limit: 'all' | 'per_address', by = 1) => refused.add(by, { limit });
  count('all', 0);
  count('per_address', 0);
  return count;
}

/** The requests that are being answered. */
export interface Requests {
  enter(request: object): void;
  leave(request: object): void;
  /** Connections of HTTP/1.1 are not to be used again after the answers under way. */
  makeLast(): void;
  /** Resolves when there are none, or after a time. True: there are none. */
  none(maxMs: number): Promise<boolean>;
}

/** Creates the account of requests that are being answered. */
export function createRequests(): Requests {
  const open = new TransientSet<object>();
  let atNone: PromiseWithResolvers<void> | undefined;
  return {
    enter: (request) => void open.add(request),
    leave(request) {
      open.delete(request);
      if (open.size > 0) return;
      atNone?.resolve();
      atNone = undefined;
    },
    makeLast() {
      for (const response of open) {
        if (response instanceof ServerResponse && !response.headersSent) {
          response.setHeader('connection', 'close');
        }
      }
    },
    async none(maxMs) {
      if (open.size === 0) return true;
      atNone ??= Promise.withResolvers();
      await within(maxMs, atNone.promise);
      return open.size === 0;
    },
  };
}
