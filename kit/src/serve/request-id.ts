import { randomUUID } from 'node:crypto';
import type { HttpRequest, HttpResponse } from './http.ts';

/** The header that carries the id of a request, both ways. */
export const requestIdHeader = 'x-request-id';

const pattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** The id that a request brings if it is well formed, else a random one. */
export function chooseRequestId(given: unknown): string {
  return typeof given === 'string' && pattern.test(given) ? given : randomUUID();
}

/** Keeps the id that the request brings if it is well formed, else gives it a random one. */
export function assignRequestId(request: HttpRequest, response: HttpResponse): void {
  const id = chooseRequestId(request.headers[requestIdHeader]);
  request.headers[requestIdHeader] = id;
  response.setHeader(requestIdHeader, id);
}

/** The id that was assigned. */
export function requestIdOf(request: HttpRequest): string {
  return String(request.headers[requestIdHeader]);
}
