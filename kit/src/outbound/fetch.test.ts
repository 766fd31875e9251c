import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { createLogger } from '../log.ts';
import { createOutboundFetch } from './fetch.ts';
import { createOutboundGuard, OutboundRefused } from './guard.ts';

const log = createLogger({ name: 'test', level: 'silent' });
const fetchAllowed = createOutboundFetch(createOutboundGuard({ allow: ['127.0.0.1'], log }));
const bounds = () => ({ signal: AbortSignal.timeout(10_000), maxBytes: 1_000 });

async function openPage(answer: RequestListener): Promise<{ url: URL } & AsyncDisposable> {
  const server = createServer(answer);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/keys?a=1`),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

test('a document comes with its status', async () => {
  await using page = await openPage((request, response) => {
    response.statusCode = 203;
    response.end(`${request.method} ${request.url} ${request.headers.accept}`);
  });
  const { status, body } = await fetchAllowed(page.url, bounds());
  expect(status).toBe(203);
  expect(Buffer.from(body).toString()).toBe('GET /keys?a=1 application/json');
});

test('a redirect is an answer, and not followed', async () => {
  let asked = 0;
  await using canary = await openPage(() => {
    asked += 1;
  });
  await using page = await openPage((_, response) => {
    response.writeHead(302, { location: canary.url.href }).end();
  });
  expect((await fetchAllowed(page.url, bounds())).status).toBe(302);
  expect(asked).toBe(0);
});

test('a body past its bound is not read to its end', async () => {
  await using page = await openPage((_, response) => {
    const write = () => {
      if (!response.destroyed) response.write('x'.repeat(10_000), () => setImmediate(write));
    };
    write();
  });
  await expect(fetchAllowed(page.url, bounds())).rejects.toThrow(/larger than 1000 bytes/);
});

test.each([
  ['headers', () => {}],
  ['a body', (_: unknown, response: { write(text: string): void }) => response.write('{')],
])('one that never sends %s ends with the time', async (_, answer) => {
  await using page = await openPage(answer as RequestListener);
  const signal = AbortSignal.timeout(50);
  await expect(fetchAllowed(page.url, { ...bounds(), signal })).rejects.toMatchObject({
    name: 'TimeoutError',
  });
});

test('clear text goes to nobody but those whom the operator allowed', async () => {
  const resolve = async () => [{ address: '203.0.113.1', family: 4 }];
  const nobody = createOutboundGuard({ allow: [], log, resolve });
  await expect(createOutboundFetch(nobody)(new URL('http://a.test/'), bounds())).rejects.toThrow(
    OutboundRefused,
  );
  const somebody = createOutboundGuard({
    allow: ['loopback'],
    log,
    resolve: async () => [{ address: '1.1.1.1', family: 4 }],
  });
  await expect(createOutboundFetch(somebody)(new URL('http://a.test/'), bounds())).rejects.toThrow(
    OutboundRefused,
  );
});

test.each(['ftp://a.test/', 'http://user:pass@127.0.0.1/', 'file:///etc/passwd'])(
  '%s is not fetched',
  async (text) => {
    await expect(fetchAllowed(new URL(text), bounds())).rejects.toThrow(TypeError);
  },
);
