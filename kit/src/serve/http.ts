import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse, ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';

/** A request over HTTP/1.1 or HTTP/2. */
export type HttpRequest = IncomingMessage | Http2ServerRequest;

/** The response to it. */
export type HttpResponse = ServerResponse | Http2ServerResponse;

/** Answers a request. */
export type HttpHandler = (request: HttpRequest, response: HttpResponse) => void;

/** What carries a request and its answer: a stream of HTTP/2, or all of an HTTP/1.1 connection. */
export function carrierOf(request: HttpRequest): ServerHttp2Stream | Socket {
  return 'stream' in request ? request.stream : request.socket;
}

/**
 * The connection of a request. The socket that a request over HTTP/2 has of its own is that of its session, which is
 * none of the network where Weir reads the connection itself. Undefined: it has gone.
 */
export function connectionOf(request: HttpRequest): Socket | undefined {
  return 'stream' in request ? request.stream.session?.socket : request.socket;
}
