import { expect, it } from 'vitest';
import { authorization, echoRoutes, openTestServer } from './test-server.ts';

const path = '/weir.router.v1.RouterService/FetchContext';
const origin = 'https://console.example.com';
const preflight = {
  method: 'OPTIONS',
  headers: {
    origin,
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'authorization,content-type,x-request-id',
  },
};

it('lets pages of the origins given call', async () => {
  await using server = await openTestServer({ routes: echoRoutes, cors: { origins: [origin] } });
  const asked = await fetch(server.url + path, preflight);
  expect(asked.status).toBe(204);
  expect(asked.headers.get('access-control-allow-origin')).toBe(origin);
  expect(asked.headers.get('vary')).toBe('origin');
  expect(asked.headers.get('access-control-allow-methods')).toContain('POST');
  const allowed = asked.headers.get('access-control-allow-headers')?.toLowerCase();
  for (const name of ['authorization', 'content-type', 'connect-protocol-version', 'x-grpc-web']) {
    expect(allowed).toContain(name);
  }
  const headers = { origin, authorization, 'content-type': 'application/json' };
  const answer = await fetch(server.url + path, { method: 'POST', headers, body: '{}' });
  expect(answer.status).toBe(200);
  expect(answer.headers.get('access-control-allow-origin')).toBe(origin);
  expect(answer.headers.get('access-control-expose-headers')).toContain('Grpc-Status');
  expect(answer.headers.get('access-control-expose-headers')).toContain('x-request-id');
});

it('lets pages of no other origin call', async () => {
  await using server = await openTestServer({
    routes: echoRoutes,
    cors: { origins: ['https://other.example.com'] },
  });
  const asked = await fetch(server.url + path, preflight);
  expect(asked.headers.get('access-control-allow-origin')).toBeNull();
});

it('lets pages of all origins call when told to, and of none by default', async () => {
  await using open = await openTestServer({ routes: echoRoutes, cors: { origins: '*' } });
  const asked = await fetch(open.url + path, preflight);
  expect(asked.headers.get('access-control-allow-origin')).toBe('*');
  await using closed = await openTestServer({ routes: echoRoutes });
  const refused = await fetch(closed.url + path, preflight);
  expect(refused.headers.get('access-control-allow-origin')).toBeNull();
});
