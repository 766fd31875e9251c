import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:http2';
import { expect, test } from 'vitest';
import { openBlobServer } from '../../test/blob-server.ts';
import type { BlobStore } from './blob-store.ts';
import { keep } from './conformance.ts';

async function linkTo(
  store: BlobStore,
  bytes: Uint8Array,
  { type = 'text/plain', tenant = 'acme' } = {},
): Promise<string> {
  const link = await store.link(await keep(store, tenant, bytes), type);
  return link?.url ?? '';
}

test('what is served cannot be taken for a page, and is kept by no cache', async () => {
  await using weir = await openBlobServer();
  const url = weir.at(await linkTo(weir.store, Buffer.from('<script>'), { type: 'text/html' }));
  const { headers } = await fetch(url);
  expect(Object.fromEntries(headers)).toMatchObject({
    'content-type': 'text/html',
    'content-disposition': 'attachment',
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; sandbox",
    'cache-control': 'private, no-store',
    'accept-ranges': 'bytes',
    'content-length': '8',
  });
});

test('a type that no header can carry is bytes', async () => {
  await using weir = await openBlobServer();
  const url = await linkTo(weir.store, Buffer.from('x'), {
    type: 'text/plain\r\nset-cookie: a=b',
  });
  expect((await fetch(weir.at(url))).headers.get('content-type')).toBe('application/octet-stream');
});

test('HEAD, If-None-Match, If-Range and ranges past the end', async () => {
  await using weir = await openBlobServer();
  const url = weir.at(await linkTo(weir.store, randomBytes(1_000)));
  const ask = async (headers: Record<string, string>, method = 'GET') => {
    const response = await fetch(url, { method, headers });
    const body = await response.arrayBuffer();
    return [response.status, body.byteLength, response.headers.get('content-range')];
  };
  const etag = (await fetch(url)).headers.get('etag') ?? '';
  expect(await ask({}, 'HEAD')).toEqual([200, 0, null]);
  expect(await ask({ 'if-none-match': etag })).toEqual([304, 0, null]);
  expect(await ask({ range: 'bytes=0-9', 'if-range': etag })).toEqual([206, 10, 'bytes 0-9/1000']);
  expect(await ask({ range: 'bytes=0-9', 'if-range': '"other"' })).toEqual([200, 1_000, null]);
  expect(await ask({ range: 'bytes=2000-' })).toEqual([416, expect.any(Number), 'bytes */1000']);
});

test('over HTTP/2 too, and a value without bytes', async () => {
  await using weir = await openBlobServer();
  const bytes = randomBytes(3_000_000);
  const session = connect(weir.server.url);
  const get = async (path: string) => {
    const stream = session.request({ ':path': path });
    const [headers] = await once(stream, 'response');
    const chunks = await stream.toArray();
    return [headers[':status'], Buffer.concat(chunks).equals(bytes), Buffer.concat(chunks).length];
  };
  expect(await get(await linkTo(weir.store, bytes))).toEqual([200, true, bytes.length]);
  expect(await get(await linkTo(weir.store, new Uint8Array(0)))).toEqual([200, false, 0]);
  session.close();
});

test.each([
  ['POST', '/blobs/acme/x', 405, 'a link is followed with GET or HEAD'],
  ['GET', '/blobs/', 403, 'not one of ours'],
  ['GET', '/blobs/../../etc/passwd', 403, 'not one of ours'],
  ['GET', '/blobs/%2e%2e/%2e%2e/etc/passwd?expires=9999999999&signature=', 403, 'not one of ours'],
  ['GET', '/blobs/acme/../other/x?signature=%00', 403, 'not one of ours'],
  ['GET', `/blobs/acme/${'a'.repeat(64)}?signature=${'A'.repeat(43)}`, 403, 'not one of ours'],
])('%s %s is refused with %i', async (method, path, status, text) => {
  await using weir = await openBlobServer();
  // As it stands: fetch would resolve the path first.
  const asked = httpRequest(weir.server.url, { method, path }).end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  const body = Buffer.concat(await response.toArray()).toString();
  expect([response.statusCode, body]).toEqual([status, expect.stringContaining(text)]);
  expect(body.trim().split('\n')).toHaveLength(1);
});

test('what is not kept any more is told from what is not allowed', async () => {
  await using weir = await openBlobServer();
  const url = weir.at(await linkTo(weir.store, randomBytes(10)));
  await rm(`${weir.options.dir}/acme`, { recursive: true });
  const gone = await fetch(url);
  expect([gone.status, await gone.text()]).toEqual([
    404,
    'this value is not kept any more; fetch the item again\n',
  ]);
  await weir.expire();
  const expired = await fetch(url);
  expect([expired.status, await expired.text()]).toEqual([
    403,
    'this link has expired; fetch the item again for a new one\n',
  ]);
});

test('a drain waits for who is still reading', async () => {
  await using weir = await openBlobServer();
  const bytes = randomBytes(20_000_000);
  const response = await fetch(weir.at(await linkTo(weir.store, bytes)));
  const drained = weir.server.drain(20_000);
  expect(Buffer.from(await response.arrayBuffer()).equals(bytes)).toBe(true);
  await drained;
});

test('who reads slowly and steadily is not cut', async () => {
  await using weir = await openBlobServer({ limits: { slowReaderMs: 100 } });
  const bytes = randomBytes(10_000_000);
  const path = await linkTo(weir.store, bytes);
  const asked = httpRequest(weir.server.url, { path }).end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  let readBytes = 0;
  let pauseAtBytes = 0;
  for await (const chunk of response) {
    readBytes += chunk.length;
    if (readBytes < pauseAtBytes) continue;
    pauseAtBytes += 500_000;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  expect(readBytes).toBe(bytes.length);
});

test('transfers at once are bounded for each tenant, and those of who left count no more', async () => {
  await using weir = await openBlobServer({ maxTransfers: 8 });
  const bytes = randomBytes(20_000_000);
  const path = await linkTo(weir.store, bytes);
  const pathOfOther = await linkTo(weir.store, bytes, { tenant: 'other' });
  const begin = async (from = path) => {
    const asked = httpRequest(weir.server.url, { path: from, agent: false }).end();
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    return { asked, response };
  };
  const reading = [];
  for (let i = 0; i < 4; i++) reading.push(await begin());
  const beyond = await begin();
  expect(beyond.response.statusCode).toBe(503);
  expect(beyond.response.headers['retry-after']).toBe('1');
  reading.push(await begin(pathOfOther));
  expect(reading.map(({ response }) => response.statusCode)).toEqual(new Array(5).fill(200));
  for (const { asked } of reading) asked.destroy();
  let status: number | undefined = 503;
  while (status === 503) {
    const { asked, response } = await begin();
    status = response.statusCode;
    asked.destroy();
  }
  expect(status).toBe(200);
});
