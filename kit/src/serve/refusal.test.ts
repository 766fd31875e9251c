import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { expect, it } from 'vitest';
import { refuse } from '../errors.ts';
import { writeRefusal } from './refusal.ts';

it.each([
  ['application/json', 503],
  ['application/proto', 503],
  ['application/connect+proto', 200],
  ['application/grpc', 200],
])('tells a caller with %s when to come again', async (type, status) => {
  const refusal = refuse(Reason.OVERLOADED, 'too much', { retryDelayMs: 1_200 });
  const server = createServer(writeRefusal(refusal).answer);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const headers = { 'content-type': type };
  const response = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', headers });
  expect(response.status).toBe(status);
  expect(response.headers.get('retry-after')).toBe('2');
  await response.arrayBuffer();
  server.close();
});
