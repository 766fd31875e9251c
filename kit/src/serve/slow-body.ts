import { constants } from 'node:http2';
import type { DescService } from '@bufbuild/protobuf';
import type { HttpRequest, HttpResponse } from './http.ts';
import type { ServeLimits } from './limits.ts';
import { cutStream } from './stuck.ts';

const leftOverMs = 2000;
const lingerMs = 500;

/**
 * Creates a function that cuts requests whose message has not come in time: deadlines begin to
 * be watched only once it is there. Methods to which clients stream are left alone.
 */
export function createBodyLimit(
  services: readonly DescService[],
  { defaultTimeoutMs }: Pick<ServeLimits, 'defaultTimeoutMs'>,
): (request: HttpRequest, response: HttpResponse) => void {
  const paths = new Set(services.flatMap(pathsWithOneMessage));
  return (request, response) => {
    if (paths.has(request.url?.split('?', 1)[0] ?? '')) {
      boundBody(request, response, defaultTimeoutMs);
    }
  };
}

/** Cuts a request whose body has not come in time. */
export function boundBody(request: HttpRequest, response: HttpResponse, timeoutMs: number): void {
  const late = setInterval(() => {
    if (!request.complete) cut(request);
  }, timeoutMs);
  request.once('end', () => clearInterval(late));
  response.once('close', () => clearInterval(late));
}

/**
 * Clears away, over HTTP/1.1, what an answered request still sends: the next request of the
 * connection stands behind it, and would wait for ever. What the RPC library gave up reading
 * cannot be read on: then the connection ends, once the answer had time to arrive.
 */
export function clearAway(request: HttpRequest, response: HttpResponse): void {
  if (request.httpVersionMajor !== 1) return;
  // A request that was given up knows its connection no more.
  const { socket } = request;
  response.once('finish', () => {
    if (request.complete) return;
    const late = setTimeout(() => socket.destroy(), request.destroyed ? lingerMs : leftOverMs);
    // The connection outlives the request, and would gather one of these for each.
    const clear = () => {
      clearTimeout(late);
      socket.off('close', clear);
    };
    socket.once('close', clear);
    request.once('end', clear);
    request.resume();
  });
}

function cut(request: HttpRequest): void {
  if ('stream' in request) cutStream(request.stream, constants.NGHTTP2_CANCEL);
  else request.destroy();
}

function pathsWithOneMessage(service: DescService): string[] {
  return service.methods
    .filter(({ methodKind }) => methodKind === 'unary' || methodKind === 'server_streaming')
    .map((method) => `/${service.typeName}/${method.name}`);
}
