import { once } from 'node:events';
import type { Socket } from 'node:net';
import { RouterService } from '@weir/sdk/gen/weir/router/v1/router_pb';
import { describe, expect, test } from 'vitest';
import type { WebSocket } from 'ws';
import { clientOf, echoRoutes } from '../test-server.ts';
import { encodeFrame, openTestSocket, until, useServers } from './test-socket.ts';

// What ends a connection: clients that break the framing, or say nothing.

const fetchContext = '/weir.router.v1.RouterService/FetchContext';
const streamContext = '/weir.router.v1.RouterService/StreamContext';

const open = useServers();

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

/** The connection below a WebSocket. */
function rawSocket(ws: WebSocket): Socket {
  if ('_socket' in ws && ws._socket instanceof Object && 'write' in ws._socket) {
    return ws._socket as Socket;
  }
  throw new Error('ws keeps its socket elsewhere');
}
