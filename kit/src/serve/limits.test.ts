import { once } from 'node:events';
import { connect as connectHttp2, constants } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { RouterService } from '@weir/sdk/gen/weir/router/v1/router_pb';
import { describe, expect, it } from 'vitest';
import { authorization, clientOf, echoRoutes, openTestServer } from './test-server.ts';

const path = '/weir.router.v1.RouterService/FetchContext';
const settingsFrame = 4;
const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

async function dial(port: number): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port });
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

async function readAll(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
  });
  await once(socket, 'close');
  return text;
}

describe('peers that dawdle are cut off', () => {
  it.each([
    ['says nothing', ''],
    ['begins a preface', 'PR'],
    ['says only the preface', preface],
    ['begins a request line', 'POST /'],
    ['begins its headers', 'POST / HTTP/1.1\r\nhost: x\r\nx-slow: '],
  ])('one that %s', async (_, text) => {
    await using server = await openTestServer({
      routes: echoRoutes,
      limits: { silentSocketMs: 120 },
    });
    const socket = await dial(server.port);
    socket.write(text);
    const startMs = performance.now();
    await readAll(socket);
    expect(performance.now() - startMs).toBeGreaterThan(80);
    expect(performance.now() - startMs).toBeLessThan(2000);
  });

  it('but not one that speaks and then rests', async () => {
    await using server = await openTestServer({
      routes: echoRoutes,
      limits: { silentSocketMs: 80 },
    });
    const session = connectHttp2(server.url);
    await once(session, 'remoteSettings');
    await sleep(300);
    expect(session.destroyed).toBe(false);
    session.close();
  });
});

describe('first bytes', () => {
  it.each(['http1', 'http2'])('may come one by one: %s', async (protocol) => {
    await using server = await openTestServer({ routes: echoRoutes });
    const socket = await dial(server.port);
    socket.setNoDelay(true);
    const request = `POST ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\nauthorization: ${authorization}\r\ncontent-length: 2\r\n\r\n{}`;
    const settings = '\0\0\0\x04\0\0\0\0\0';
    for (const letter of protocol === 'http1' ? request : preface + settings) {
      socket.write(letter, 'latin1');
      await new Promise(setImmediate);
    }
    const [first] = await once(socket, 'data');
    const answer = first as Buffer;
    if (protocol === 'http1') expect(answer.toString()).toMatch(/^HTTP\/1.1 200 OK/);
    else expect(answer.readUInt8(3)).toBe(settingsFrame);
    socket.destroy();
  });

  it.each([
    ['TLS', '\x16\x03\x01\x02\0\x01\0'],
    ['something like HTTP/2', 'PRIVATE * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['nonsense', '\0\0\0\0\r\n\r\n'],
  ])('of %s end the connection, and nothing else', async (_, text) => {
    await using server = await openTestServer({ routes: echoRoutes });
    const socket = await dial(server.port);
    socket.write(text, 'latin1');
    await readAll(socket);
    expect(await clientOf(server).fetchContext({})).toBeDefined();
  });

  it('may never come: the peer hangs up', async () => {
    await using server = await openTestServer({ routes: echoRoutes });
    const socket = await dial(server.port);
    socket.end();
    await readAll(socket);
  });
});

it.each([
  ['HTTP/2', `${preface}\0\0\0\x04\0\0\0\0\0`],
  ['HTTP/1.1', 'GET / HTTP/1.1\r\nhost: x\r\n\r\n'],
])('hangs up when a peer of %s has', async (_, text) => {
  await using server = await openTestServer({ routes: echoRoutes });
  const socket = connect({ host: '127.0.0.1', port: server.port, allowHalfOpen: true });
  socket.write(text, 'latin1');
  await once(socket, 'data');
  socket.resume().end();
  await once(socket, 'end');
});

describe('limits', () => {
  it('of headers hold on HTTP/1.1', async () => {
    await using server = await openTestServer({ routes: echoRoutes });
    const headers = { 'x-large': 'x'.repeat(17_000) };
    expect((await fetch(server.url + path, { headers })).status).toBe(431);
  });

  it('of headers hold on HTTP/2, before the peer knows them too', async () => {
    await using server = await openTestServer({ routes: echoRoutes });
    const session = connectHttp2(server.url, { maxSendHeaderBlockLength: 100_000 });
    const headers = { ':path': path, ':method': 'POST', 'x-large': 'x'.repeat(17_000) };
    const early = session.request(headers).resume();
    const [answer] = await once(early, 'response');
    expect(answer).toMatchObject({ ':status': 431 });
    early.close();
    const late = session.request(headers);
    await expect(once(late, 'close')).rejects.toMatchObject({ code: 'ERR_HTTP2_STREAM_ERROR' });
    expect(late.rstCode).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    session.close();
  });

  it('of streams and windows are announced', async () => {
    await using server = await openTestServer({ routes: echoRoutes });
    const session = connectHttp2(server.url);
    const [settings] = await once(session, 'remoteSettings');
    expect(settings).toMatchObject({
      maxConcurrentStreams: 100,
      initialWindowSize: 1024 * 1024,
      maxHeaderListSize: 16 * 1024,
    });
    session.close();
  });

  it('of connections hold', async () => {
    await using server = await openTestServer({
      routes: echoRoutes,
      limits: { maxConnections: 1 },
    });
    const first = await dial(server.port);
    const second = await dial(server.port);
    await readAll(second);
    expect(first.destroyed).toBe(false);
    first.destroy();
  });
});

it('answers a path that it does not know with 404 and a request id', async () => {
  await using server = await openTestServer({ routes: echoRoutes });
  const headers = { 'x-request-id': 'bad id\t"' };
  const answer = await fetch(`${server.url}/else`, { headers });
  expect(answer.status).toBe(404);
  expect(answer.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
});

it('leaves requests that are no calls to others', async () => {
  await using server = await openTestServer({
    routes: echoRoutes,
    handle(request, response) {
      if (request.url !== '/page') return false;
      response.end('hello');
      return true;
    },
  });
  expect(await (await fetch(`${server.url}/page`)).text()).toBe('hello');
  expect((await fetch(`${server.url}/else`)).status).toBe(404);
});

it('says that its port is taken', async () => {
  await using server = await openTestServer({ routes: echoRoutes });
  const again = openTestServer({ routes: echoRoutes, port: server.port });
  await expect(again).rejects.toThrow(/is in use by another process/);
});

it.each(['[', 'a b', '%', 'x:99999', ''])('survives the host %j', async (host) => {
  await using server = await openTestServer({ routes: echoRoutes });
  const socket = await dial(server.port);
  socket.write(`POST ${path} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`);
  expect(await readAll(socket)).toMatch(/^HTTP\/1.1 400 /);
});

it('survives an authority that is none', async () => {
  await using server = await openTestServer({ routes: echoRoutes });
  const session = connectHttp2(server.url);
  const headers = { ':path': path, ':method': 'POST', ':authority': '[' };
  const [answer] = await once(session.request(headers).resume(), 'response');
  expect(answer).toMatchObject({ ':status': 400 });
  session.close();
});

it('survives a handler of pages that throws', async () => {
  await using server = await openTestServer({
    routes: echoRoutes,
    handle() {
      throw new Error('boom');
    },
  });
  expect((await fetch(server.url + path)).status).toBe(500);
});

it('carries many large answers at once on one connection', async () => {
  const payload = new Uint8Array(3_000_000);
  const item = {
    case: 'item' as const,
    value: { body: { case: 'payload' as const, value: payload } },
  };
  await using server = await openTestServer({
    routes: (router) =>
      router.service(RouterService, { fetchContext: () => ({ results: [{ outcome: item }] }) }),
  });
  const client = clientOf(server);
  const answers = await Promise.all(Array.from({ length: 30 }, () => client.fetchContext({})));
  expect(answers).toHaveLength(30);
});

it('cuts a request whose message does not come in time', async () => {
  await using server = await openTestServer({
    routes: echoRoutes,
    limits: { defaultTimeoutMs: 100 },
  });
  const session = connectHttp2(server.url);
  const headers = { ':path': path, ':method': 'POST', 'content-type': 'application/grpc' };
  const stream = session.request({ ...headers, authorization });
  stream.on('error', () => {});
  stream.write(new Uint8Array([0, 0]));
  await once(stream.resume(), 'close');
  session.close();
});

it('answers the request that follows one too large on the same connection', async () => {
  await using server = await openTestServer({ routes: echoRoutes, limits: { readMaxBytes: 1000 } });
  const socket = await dial(server.port);
  const head = `POST ${path} HTTP/1.1\r\nhost: a\r\nauthorization: ${authorization}\r\n`;
  const json = `${head}content-type: application/json\r\n`;
  socket.write(`${json}content-length: 2000000\r\n\r\n`);
  socket.write(Buffer.alloc(2_000_000, ' '));
  socket.write(`${json}connection: close\r\ncontent-length: 2\r\n\r\n{}`);
  expect(await readAll(socket)).toMatch(/^HTTP\/1.1 429 [\s\S]*HTTP\/1.1 200 /);
});

it('ends the connection behind a request whose length it could not know, after the answer', async () => {
  await using server = await openTestServer({ routes: echoRoutes, limits: { readMaxBytes: 1000 } });
  const socket = await dial(server.port);
  const head = `POST ${path} HTTP/1.1\r\nhost: a\r\nauthorization: ${authorization}\r\n`;
  socket.write(`${head}content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n`);
  socket.write(`100000\r\n${' '.repeat(0x100000)}\r\n`.repeat(3));
  socket.on('error', () => {});
  let answer = '';
  socket.on('data', (chunk) => {
    answer += chunk;
  });
  await new Promise((resolve) => socket.once('close', resolve));
  expect(answer).toMatch(/^HTTP\/1.1 429 /);
});
