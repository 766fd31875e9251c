import type { IncomingHttpHeaders } from 'node:http';
import { RouterService } from '@weir/sdk/gen/weir/router/v1/router_pb';
import { expect, test } from 'vitest';
import { createDeadlines } from './deadline.ts';
import type { HttpRequest } from './http.ts';

const assign = createDeadlines([RouterService], { defaultTimeoutMs: 10_000, maxTimeoutMs: 60_000 });

function assigned(method: string, headers: IncomingHttpHeaders): IncomingHttpHeaders {
  assign({ url: `/weir.router.v1.RouterService/${method}`, headers } as HttpRequest);
  return headers;
}

test.each([
  ['FetchContext', {}, { 'connect-timeout-ms': '10000' }],
  ['FetchContext', { 'connect-timeout-ms': '250' }, { 'connect-timeout-ms': '250' }],
  ['FetchContext', { 'connect-timeout-ms': '9999999' }, { 'connect-timeout-ms': '60000' }],
  ['StreamContext', {}, {}],
  ['StreamContext', { 'connect-timeout-ms': '9999999999' }, { 'connect-timeout-ms': '2147483647' }],
])('%s with %o', (method, given, expected) => {
  expect(assigned(method, { ...given })).toEqual(expected);
});

test('gRPC: a stream of months is cut to what a timer can hold, in eight digits', () => {
  const grpc = { 'content-type': 'application/grpc' };
  const stream = assigned('StreamContext', { ...grpc, 'grpc-timeout': '9999999S' });
  expect(stream['grpc-timeout']).toBe('2147483S');
  const unary = assigned('FetchContext', { ...grpc, 'grpc-timeout': '9999999S' });
  expect(unary['grpc-timeout']).toBe('60000m');
});
