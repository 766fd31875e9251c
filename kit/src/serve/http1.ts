import { createServer, type Server } from 'node:http';
import type { HttpHandler } from './http.ts';
import type { ServeLimits } from './limits.ts';

const requestReceiveMs = 60_000;
const idleHttp1Ms = 60_000;

/** Opens the part of a listener that speaks HTTP/1.1; it is given its connections. */
export function openHttp1(limits: ServeLimits, onRequest: HttpHandler): Server {
  const server = createServer(
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
