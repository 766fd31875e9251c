import { createServer, type Server } from 'node:http';
import { CountedHttp1Response } from './counted-response.ts';
import type { HttpHandler } from './http.ts';
import type { ServeLimits } from './limits.ts';
import type { WebSocketSide } from './websocket/sockets.ts';
import { asksForWebSocket } from './websocket/upgrade.ts';

const requestReceiveMs = 60_000;
const idleHttp1Ms = 60_000;

/** Opens the part of a listener that speaks HTTP/1.1; it is given its connections. */
export function openHttp1(
  limits: ServeLimits,
  onRequest: HttpHandler,
  webSockets: Pick<WebSocketSide, 'accept'> | undefined,
): Server {
  const server = createServer(
    {
      ServerResponse: CountedHttp1Response,
      maxHeaderSize: limits.headersMaxBytes,
      headersTimeout: limits.silentSocketMs,
      requestTimeout: Math.max(requestReceiveMs, limits.silentSocketMs),
      keepAliveTimeout: idleHttp1Ms,
      connectionsCheckingInterval: Math.ceil(limits.silentSocketMs / 4),
      // Other upgrades, such as to h2c, may be left alone (RFC 9110, 7.8).
      shouldUpgradeCallback: (request) => webSockets !== undefined && asksForWebSocket(request),
    },
    onRequest,
  );
  if (webSockets) server.on('upgrade', webSockets.accept);
  // A server that is fed sockets never listens, and would not run its own timeouts for
  // headers and requests: they begin with this event.
  server.emit('listening');
  return server;
}
