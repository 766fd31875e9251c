import { Health } from '@weir/sdk/gen/health/v1/health_pb';
import { createCors } from './cors.ts';
import { createDeadlines } from './deadline.ts';
import type { HttpHandler, HttpRequest, HttpResponse } from './http.ts';
import type { ServeLimits } from './limits.ts';
import type { ServeOptions } from './options.ts';
import { assignRequestId, requestIdOf } from './request-id.ts';
import { clearAway, createBodyLimit } from './slow-body.ts';

/** Creates what every request goes through: its id, CORS, other handlers, then calls. */
export function createPipeline(
  options: ServeOptions,
  limits: ServeLimits,
  parts: { readonly rpc: HttpHandler; readonly draining: AbortSignal },
): HttpHandler {
  const cors = createCors(options.cors);
  const services = [...options.services, Health];
  const boundDeadline = createDeadlines(services, limits);
  const boundBody = createBodyLimit(services, limits);
  const handle: HttpHandler = (request, response) => {
    if (!hasAuthority(request)) return end(response, 400);
    if (cors(request, response)) return;
    if (options.handle?.(request, response) === true) return;
    boundDeadline(request);
    boundBody(request, response);
    parts.rpc(request, response);
  };
  return (request, response) => {
    assignRequestId(request, response);
    clearAway(request, response);
    if (parts.draining.aborted && request.httpVersionMajor === 1) {
      response.setHeader('connection', 'close');
    }
    try {
      handle(request, response);
    } catch (error) {
      options.log.error({ err: error, requestId: requestIdOf(request) }, 'a request failed');
      end(response, 500);
    }
  };
}

/** The RPC library makes a URL of it, and a host that is none would throw out of the event. */
function hasAuthority(request: HttpRequest): boolean {
  const authority = 'authority' in request ? request.authority : request.headers.host;
  return authority !== undefined && URL.canParse(`http://${authority}`);
}

function end(response: HttpResponse, status: number): void {
  if (!response.headersSent) response.statusCode = status;
  response.end();
}
