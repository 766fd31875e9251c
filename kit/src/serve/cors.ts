import { cors as protocol } from '@connectrpc/connect';
import type { HttpRequest, HttpResponse } from './http.ts';
import { requestIdHeader } from './request-id.ts';

const preflightMaxAgeS = '7200';
const ownHeaders = ['authorization', requestIdHeader, 'traceparent', 'tracestate'];
/** Those of the Model Context Protocol. */
const mcpHeaders = [
  'mcp-protocol-version',
  'mcp-session-id',
  'mcp-method',
  'mcp-name',
  'last-event-id',
];
const allowedHeaders = [...protocol.allowedHeaders, ...ownHeaders, ...mcpHeaders].join(', ');
const exposedHeaders = [
  ...protocol.exposedHeaders,
  ...[requestIdHeader, 'retry-after', 'mcp-session-id', 'www-authenticate'],
].join(', ');
const allowedMethods = [...protocol.allowedMethods, 'DELETE'].join(', ');

/** Which pages of other origins may call. */
export interface CorsOptions {
  /** The origins, such as `https://console.example.com`, or `*` for all of them. */
  readonly origins: readonly string[] | '*';
}

/**
 * Creates a function that lets browsers call from the origins given, and answers their
 * preflights: it returns true when the request is answered. Credentials are bearer tokens,
 * never cookies, so no origin is allowed to send those.
 */
export function createCors(
  options: CorsOptions | undefined,
): (request: HttpRequest, response: HttpResponse) => boolean {
  if (options === undefined) return () => false;
  const { origins } = options;
  return (request, response) => {
    const { origin } = request.headers;
    if (origins !== '*') response.setHeader('vary', 'origin');
    if (origin === undefined || (origins !== '*' && !origins.includes(origin))) return false;
    response.setHeader('access-control-allow-origin', origins === '*' ? '*' : origin);
    if (request.headers['access-control-request-method'] === undefined) {
      response.setHeader('access-control-expose-headers', exposedHeaders);
      return false;
    }
    if (request.method !== 'OPTIONS') return false;
    response.setHeader('access-control-allow-methods', allowedMethods);
    response.setHeader('access-control-allow-headers', allowedHeaders);
    response.setHeader('access-control-max-age', preflightMaxAgeS);
    response.statusCode = 204;
    response.end();
    return true;
  };
}
