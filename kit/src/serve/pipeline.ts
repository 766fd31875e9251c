import { Health } from '@weir/sdk/gen/health/v1/health_pb';
import type { Admit } from './admit.ts';
import { readAuthority } from './authority.ts';
import { createCors } from './cors.ts';
import { createDeadlines } from './deadline.ts';
import type { Entrance } from './entrance.ts';
import type { HttpHandler, HttpRequest, HttpResponse } from './http.ts';
import type { ServeLimits } from './limits.ts';
import type { ServeOptions } from './options.ts';
import { assignRequestId, requestIdOf } from './request-id.ts';
import { clearAway, createBodyLimit } from './slow-body.ts';
import type { SlowReaders } from './slow-reader.ts';
import { answerPlain, isWebSocketPath } from './websocket/upgrade.ts';

/** What requests go through besides. */
interface PipelineParts {
  readonly rpc: HttpHandler;
  readonly draining: AbortSignal;
  readonly slowReaders: SlowReaders;
  readonly admit: Admit;
  readonly entrance: Entrance;
}

/** Creates what every request goes through: its id, CORS, other handlers, admission, calls. */
export function createPipeline(
  options: ServeOptions,
  limits: ServeLimits,
  parts: PipelineParts,
): HttpHandler {
  const cors = createCors(options.cors);
  const services = [...options.services, Health];
  const boundDeadline = createDeadlines(services, limits);
  const boundBody = createBodyLimit(services, limits);
  const attempt = (request: HttpRequest, response: HttpResponse, work: () => void) => {
    try {
      work();
    } catch (error) {
      options.log.error({ err: error, requestId: requestIdOf(request) }, 'a request failed');
      end(response, 500);
    }
  };
  const call: HttpHandler = (request, response) => {
    boundDeadline(request);
    parts.rpc(request, response);
  };
  const handle: HttpHandler = (request, response) => {
    if (!hasAuthority(request)) return end(response, 400);
    if (options.webSocket && isWebSocketPath(request.url)) return answerPlain(request, response);
    joinCredentials(request);
    if (cors(request, response)) return;
    if (options.handle?.(request, response, parts.entrance) === true) return;
    // Of those that are refused too: over gRPC the stream would stay open for as long as its caller likes.
    boundBody(request, response);
    parts.admit(request, response, () => attempt(request, response, () => call(request, response)));
  };
  return (request, response) => {
    // The RPC library stops listening before the error of a request that was cut off arrives, if
    // the request stood behind another one: unheard, that error would end the process.
    request.on('error', ignore);
    assignRequestId(request, response);
    clearAway(request, response);
    parts.slowReaders.watch(request, response);
    if (parts.draining.aborted && request.httpVersionMajor === 1) {
      response.setHeader('connection', 'close');
    }
    attempt(request, response, () => handle(request, response));
  };
}

function ignore(): void {}

/** The RPC library makes a URL of it, and a host that is none would throw out of the event. */
function hasAuthority(request: HttpRequest): boolean {
  const given = 'authority' in request ? request.authority : request.headers.host;
  const read = readAuthority(given);
  if (read !== given && 'authority' in request) request.headers[':authority'] = read;
  return read !== undefined;
}

/**
 * Of several credentials Node takes the first; which of them a proxy has looked at nobody knows. Joined,
 * as HTTP has it for other headers, they are none.
 */
export function joinCredentials({ headers, rawHeaders }: HttpRequest): void {
  if (headers.authorization === undefined) return;
  const given = rawHeaders.filter((_, at) => at % 2 === 1 && isCredential(rawHeaders[at - 1]));
  if (given.length > 1) headers.authorization = given.join(', ');
}

function isCredential(name = ''): boolean {
  return name.length === 'authorization'.length && name.toLowerCase() === 'authorization';
}

function end(response: HttpResponse, status: number): void {
  if (!response.headersSent) response.statusCode = status;
  response.end();
}
