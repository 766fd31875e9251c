import { once } from 'node:events';
import { request } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Code, type ConnectRouter } from '@connectrpc/connect';
import { RouterService } from '@weir/sdk/gen/weir/router/v1/router_pb';
import { afterEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { drainingKey } from '../draining.ts';
import type { ServeLimits } from '../limits.ts';
import type { ServeOptions } from '../options.ts';
import { clientOf, echoRoutes, openTestServer } from '../test-server.ts';
import { encodeFrame, openTestSocket } from './test-socket.ts';

// What connections may do: who opens them, what ends them, and what a slow or hostile client harms.

const fetchContext = '/weir.router.v1.RouterService/FetchContext';
const streamContext = '/weir.router.v1.RouterService/StreamContext';

let stack = new AsyncDisposableStack();
afterEach(async () => {
  await stack.disposeAsync();
  stack = new AsyncDisposableStack();
});

async function open(
  routes: (router: ConnectRouter) => void = echoRoutes,
  limits: Partial<ServeLimits> = {},
  more: Partial<ServeOptions> = {},
) {
  const webSocket = { hosts: ['weir.example'] };
  return stack.use(await openTestServer({ routes, webSocket, limits, ...more }));
}

async function until(holds: () => boolean): Promise<void> {
  for (const end = performance.now() + 15_000; !holds(); await sleep(5)) {
    if (performance.now() > end) throw new Error('not within 15 s');
  }
}

/** The answer to an upgrade that is refused. */
async function refusedUpgrade(port: number, headers: Record<string, string>, path = '/ws') {
  const asked = request({
    ...{ port, host: '127.0.0.1', path },
    headers: {
      ...{ connection: 'upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' },
      'sec-websocket-key': Buffer.alloc(16).toString('base64'),
      'sec-websocket-protocol': 'weir.v1.json',
      ...headers,
    },
  });
  asked.end();
  const [kind, response, socket] = await Promise.race([
    once(asked, 'response').then(([response]) => ['response', response]),
    once(asked, 'upgrade').then(([response, socket]) => ['upgrade', response, socket]),
  ]);
  (socket as Socket | undefined)?.destroy();
  if (kind === 'upgrade') return { status: 101, text: '' };
  let text = '';
  for await (const chunk of response) text += chunk;
  return { status: response.statusCode as number, text, headers: response.headers };
}

describe('opening', () => {
  const own = 'http://127.0.0.1';
  test.each([
    ['a program, under any name', { host: 'router.internal:7070' }, 101],
    ['a page of this address', { host: '127.0.0.1:7070', origin: `${own}:7070` }, 101],
    ['a page of localhost', { host: 'localhost', origin: 'http://localhost' }, 101],
    ['a page of a name of ours', { host: 'weir.example', origin: 'https://weir.example' }, 101],
    [
      'a page of a port that is implied',
      { host: 'weir.example:443', origin: 'https://weir.example' },
      101,
    ],
    ['a page that is allowed', { host: 'weir.example', origin: 'https://console.example' }, 101],
    ['a foreign page', { host: '127.0.0.1:7070', origin: 'https://evil.example' }, 403],
    ['a page of another port', { host: '127.0.0.1:7070', origin: `${own}:8080` }, 403],
    [
      'a page whose name leads here (DNS rebinding)',
      { host: 'evil.example', origin: 'http://evil.example' },
      403,
    ],
    ['a page of nowhere', { host: '127.0.0.1:7070', origin: 'null' }, 403],
    ['a host that is none', { host: 'a b' }, 400],
  ])('%s', async (_, headers, status) => {
    const cors = { origins: ['https://console.example'] };
    const { port } = await open(echoRoutes, {}, { cors });
    const answer = await refusedUpgrade(port, headers);
    expect(answer.status, answer.text).toBe(status);
  });

  test('a refused page learns how to be let in', async () => {
    const { port } = await open();
    const { text } = await refusedUpgrade(port, { origin: 'https://evil.example' });
    expect(text).toBe(
      'pages of "https://evil.example" may not call: allow the origin in WEIR_CORS_ORIGINS, or name the host of your own pages in WEIR_PUBLIC_URL\n',
    );
  });

  test('no subprotocol that is known, a key in the URL, another path, another version', async () => {
    const { port } = await open();
    const unknown = await refusedUpgrade(port, { 'sec-websocket-protocol': 'chat' });
    expect(unknown).toMatchObject({ status: 400 });
    expect(unknown.text).toContain('weir.v1.proto or weir.v1.json');
    const inUrl = await refusedUpgrade(port, {}, '/ws?key=weir_x');
    expect(inUrl.text).toBe('/ws takes no query: credentials go into the metadata of calls\n');
    expect((await refusedUpgrade(port, {}, '/elsewhere')).status).toBe(404);
    expect((await refusedUpgrade(port, { 'sec-websocket-version': '7' })).status).toBe(400);
  });

  test('a plain request is told to upgrade', async () => {
    const { url } = await open();
    const response = await fetch(`${url}/ws`);
    expect(response.status).toBe(426);
    expect(response.headers.get('upgrade')).toBe('websocket');
    expect(await response.text()).toContain('open a WebSocket at /ws');
  });

  test('another upgrade on another path is a plain request', async () => {
    const { port } = await open();
    const headers = { upgrade: 'h2c', connection: 'upgrade, http2-settings' };
    expect((await refusedUpgrade(port, headers, '/nothing')).status).toBe(404);
  });

  test('a server that is told of none has none', async () => {
    const { port } = await open(echoRoutes, {}, { webSocket: undefined });
    expect((await refusedUpgrade(port, {})).status).toBe(404);
  });
});

describe('violations close a connection and name the reason', () => {
  const open1 = encodeFrame({ frame: { case: 'open', value: { call: 1, method: fetchContext } } });
  test.each([
    ['garbage', 'weir.v1.proto', Buffer.from('garbage'), 1007, 'the frame cannot be read'],
    ['no JSON', 'weir.v1.json', '{', 1007, 'the frame cannot be read'],
    ['no object', 'weir.v1.json', '[]', 1007, 'the frame cannot be read'],
    ['a field that is none', 'weir.v1.json', '{"opens":{}}', 1007, 'the frame cannot be read'],
    ['deep JSON', 'weir.v1.json', '['.repeat(1e6), 1007, 'the frame cannot be read'],
    ['nothing', 'weir.v1.proto', Buffer.alloc(0), 1002, 'a frame is none of open, cancel'],
    ['nothing in JSON', 'weir.v1.json', '{}', 1002, 'a frame is none of open, cancel'],
    ['a text in binary', 'weir.v1.proto', '{}', 1003, 'weir.v1.proto has binary messages only'],
    ['binary in JSON', 'weir.v1.json', open1, 1003, 'weir.v1.json has texts only'],
    ['no number', 'weir.v1.json', '{"open":{}}', 1008, 'open names no call'],
    ['too much', 'weir.v1.json', 'x'.repeat(4 * 1024 * 1024 + 65 * 1024), 1009, ''],
  ])('%s', async (_, protocol, data, code, reason) => {
    const server = await open();
    using socket = await openTestSocket(server.url, { protocol });
    socket.ws.send(data);
    const closed = await socket.closed;
    expect(closed.code).toBe(code);
    expect(closed.reason).toContain(reason);
    expect(await server.metrics.text()).toMatch(/^weir_websocket_violations_total.* 1$/m);
    // Nobody else notices.
    await clientOf(server).fetchContext({});
  });

  test('bytes that are no frame of WebSocket', async () => {
    const server = await open();
    using socket = await openTestSocket(server.url);
    rawSocket(socket.ws).write(Buffer.from([0xff, 0xff, 0xff, 0xff]));
    expect((await socket.closed).code).toBe(1002);
  });

  test('calls under way are ended with the connection', async () => {
    const left = Promise.withResolvers<void>();
    const server = await open((router) =>
      router.service(RouterService, {
        async *streamContext(_, { signal }) {
          yield {};
          await once(signal, 'abort');
          left.resolve();
        },
      }),
    );
    using socket = await openTestSocket(server.url);
    socket.open(1, streamContext);
    await until(() => socket.messages(1).length === 1);
    socket.say({ nothing: 1 });
    expect((await socket.closed).code).toBe(1007);
    await left.promise;
  });

  test('who says nothing is closed, and so is who never finishes a message', async () => {
    const server = await open(echoRoutes, { silentSocketMs: 100, defaultTimeoutMs: 200 });
    using silent = await openTestSocket(server.url);
    using slow = await openTestSocket(server.url);
    slow.open(1, fetchContext);
    await slow.ended(1);
    // The head of a message of 100 bytes, and then pieces of it that never end.
    const raw = rawSocket(slow.ws);
    raw.write(Buffer.from([0x01, 0x84, 0, 0, 0, 0, 1, 2, 3, 4]));
    const trickle = setInterval(() => {
      if (raw.writable) raw.write(Buffer.from([0x00, 0x81, 0, 0, 0, 0, 5]));
    }, 20);
    const closed = await slow.closed.finally(() => clearInterval(trickle));
    expect(closed).toMatchObject({ code: 1008, reason: 'a message did not come in time' });
    expect(await silent.closed).toMatchObject({ code: 1008, reason: 'no call was opened in time' });
  });

  test('who rests for long is asked to go, and goes when it does not', async () => {
    const server = await open(echoRoutes, { idleConnectionMs: 50, silentSocketMs: 100 });
    using socket = await openTestSocket(server.url);
    socket.open(1, fetchContext);
    await socket.ended(1);
    await until(() => socket.sent.some(({ goAway }) => goAway !== undefined));
    // What comes all the same is answered.
    socket.open(2, fetchContext);
    await socket.ended(2);
    expect((await socket.closed).code).toBe(1001);
  });
});

describe('a slow reader', () => {
  const part = { result: { outcome: { case: 'item', value: { etag: 'x'.repeat(64 * 1024) } } } };
  /** Streams without end, and how many messages of each call were taken. */
  function endless() {
    const taken = new Map<string, number>();
    let over = 0;
    const routes = (router: ConnectRouter) =>
      router.service(RouterService, {
        fetchContext: ({ refs: [ref] }) => ({
          results: [{ item: undefined, index: refIndex(ref) }],
        }),
        async *streamContext({ fetch }) {
          const name = fetch?.consistencyToken ?? '';
          try {
            for (let sent = 0; ; sent++) {
              taken.set(name, sent);
              yield part as never;
            }
          } finally {
            over += 1;
          }
        },
      });
    return { routes, taken, over: () => over };
  }
  const refIndex = (ref: unknown) => (ref === undefined ? 0 : 1);
  const stream = (name: string) => ({ message: { fetch: { consistencyToken: name } } });

  test('of one call holds up no other, and takes no memory', async () => {
    const { routes, taken } = endless();
    const server = await open(routes);
    using socket = await openTestSocket(server.url);
    socket.open(1, streamContext, { ...stream('slow'), credit: 2 });
    await until(() => socket.messages(1).length === 2);
    socket.open(2, fetchContext, { message: {} });
    await socket.ended(2);
    socket.open(3, streamContext, { ...stream('quick'), credit: 50 });
    await until(() => socket.messages(3).length === 50);
    expect(socket.messages(1)).toHaveLength(2);
    expect(taken.get('slow')).toBeLessThanOrEqual(3);
    socket.say({ credit: { call: 1, messages: 3 } });
    await until(() => socket.messages(1).length === 5);
    await sleep(20);
    expect(socket.messages(1)).toHaveLength(5);
    expect(taken.get('slow')).toBeLessThanOrEqual(6);
  });

  test('of a connection is held back, then cut', async () => {
    const { routes, taken, over } = endless();
    const server = await open(routes, { slowReaderMs: 200 });
    using socket = await openTestSocket(server.url);
    socket.ws.pause();
    for (let call = 1; call <= 10; call++) socket.open(call, streamContext, stream(`${call}`));
    await until(() => over() === 10);
    const messages = [...taken.values()].reduce((sum, count) => sum + count, 0);
    // What the system's buffers take, what may wait, and one of each call.
    expect(messages * 64 * 1024).toBeLessThan(32 * 1024 * 1024);
    await expect
      .poll(() => server.metrics.text(), { timeout: 10_000 })
      .toMatch(/^weir_websockets.* 0$/m);
  });

  test('that asks and never reads is not heard any more', async () => {
    const server = await open(echoRoutes, { slowReaderMs: 300 });
    using socket = await openTestSocket(server.url);
    socket.ws.pause();
    const heard = () => server.metrics.text().then((text) => /violations_total.* 0$/m.test(text));
    const frame = JSON.stringify({ open: { call: 1, method: 'x'.repeat(100) } });
    let sent = 0;
    while (socket.ws.readyState === WebSocket.OPEN && sent < 1_000_000) {
      for (let i = 0; i < 1_000; i++) socket.ws.send(frame);
      sent += 1_000;
      await sleep(1);
      if (socket.ws.bufferedAmount > 8 * 1024 * 1024) break;
    }
    // Its own frames wait on its own side.
    expect(socket.ws.bufferedAmount).toBeGreaterThan(1024 * 1024);
    expect(await heard()).toBe(true);
    await expect
      .poll(() => server.metrics.text(), { timeout: 15_000 })
      .toMatch(/^weir_websockets.* 0$/m);
  });

  test('a flood of calls that are cancelled at once leaves nothing behind', async () => {
    let atWork = 0;
    let most = 0;
    const server = await open((router) =>
      router.service(RouterService, {
        async fetchContext() {
          most = Math.max(most, ++atWork);
          await sleep(1);
          atWork -= 1;
          return {};
        },
      }),
    );
    using socket = await openTestSocket(server.url);
    const calls = 5_000;
    for (let call = 1; call <= calls; call++) {
      socket.open(call, fetchContext);
      socket.say({ cancel: { call } });
    }
    await until(() => socket.sent.length === calls);
    // A cancelled call has its place until its handler is done.
    expect(most).toBeLessThanOrEqual(100);
    socket.open(calls + 1, fetchContext);
    expect((await socket.ended(calls + 1)).code ?? 0).toBe(0);
    await expect.poll(() => server.metrics.text()).toMatch(/^weir_calls_at_work.* 0$/m);
  });
});

describe('draining', () => {
  test('streams are told, calls end, and what comes meanwhile is answered', async () => {
    const finish = Promise.withResolvers<void>();
    const server = await open((router) =>
      router.service(RouterService, {
        async fetchContext({ refs: [ref] }) {
          if (ref?.key === 'late') await finish.promise;
          return {};
        },
        async *streamContext(_, { values }) {
          yield { result: { index: 1 } };
          await once(values.get(drainingKey), 'abort');
          yield { result: { index: 2 } };
        },
      }),
    );
    using socket = await openTestSocket(server.url);
    socket.open(1, fetchContext, { message: { refs: [{ key: 'late' }] } });
    socket.open(2, streamContext);
    await until(() => socket.messages(2).length === 1);
    const drained = server.drain(10_000);
    expect((await socket.ended(2)).code ?? 0).toBe(0);
    expect(socket.messages(2)).toHaveLength(2);
    await until(() => socket.sent.some(({ goAway }) => goAway !== undefined));
    // It has not heard of it yet, as far as the server knows.
    socket.open(3, fetchContext);
    expect((await socket.ended(3)).code ?? 0).toBe(0);
    finish.resolve();
    expect((await socket.ended(1)).code ?? 0).toBe(0);
    expect((await socket.closed).code).toBe(1001);
    await drained;
  });

  test('what does not end in time is ended, with a reason, and the connection closes', async () => {
    const server = await open((router) =>
      router.service(RouterService, {
        async *streamContext() {
          yield {};
          await new Promise(() => undefined);
        },
      }),
    );
    using socket = await openTestSocket(server.url);
    socket.open(1, streamContext);
    await until(() => socket.messages(1).length === 1);
    await server.drain(100);
    expect(await socket.ended(1)).toMatchObject({
      ...{ code: Code.Unavailable, text: 'the server is shutting down; call again' },
      details: [{ reason: 'REASON_OVERLOADED' }, { retryDelay: '0.200s' }],
    });
    expect((await socket.closed).code).toBe(1001);
  });

  test('a client that goes by itself holds nothing up', async () => {
    const server = await open();
    using socket = await openTestSocket(server.url);
    socket.open(1, fetchContext);
    await socket.ended(1);
    socket.ws.on('message', () => socket.ws.close(1000));
    const startMs = performance.now();
    await server.drain(20_000);
    expect(performance.now() - startMs).toBeLessThan(3_000);
  });
});

/** The connection below a WebSocket. */
function rawSocket(ws: WebSocket): Socket {
  if ('_socket' in ws && ws._socket instanceof Object && 'write' in ws._socket) {
    return ws._socket as Socket;
  }
  throw new Error('ws keeps its socket elsewhere');
}
