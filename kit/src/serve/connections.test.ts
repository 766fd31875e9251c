import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { RouterService } from '@weir/sdk/gen/weir/router/v1/router_pb';
import { afterEach, expect, it, vi } from 'vitest';
import { authorization, clientOf, echoRoutes, openTestServer } from './test-server.ts';

const path = '/weir.router.v1.RouterService/StreamContext';

it('an HTTP/2 connection on which nothing is asked is ended politely', async () => {
  await using server = await openTestServer({
    routes: echoRoutes,
    limits: { idleConnectionMs: 80 },
  });
  const session = connectHttp2(server.url);
  const [code] = await once(session, 'goaway');
  expect(code).toBe(0);
  await once(session, 'close');
});

it('one on which a call is at work is not', async () => {
  const finish = Promise.withResolvers<void>();
  await using server = await openTestServer({
    limits: { idleConnectionMs: 40 },
    routes: (router) =>
      router.service(RouterService, {
        async fetchContext() {
          await finish.promise;
          return {};
        },
      }),
  });
  setTimeout(finish.resolve, 300);
  expect(await clientOf(server).fetchContext({})).toBeDefined();
});

it('one address may open so many connections, and others are counted apart', async () => {
  await using server = await openTestServer({
    host: '0.0.0.0',
    routes: echoRoutes,
    limits: { maxConnectionsPerAddress: 2 },
  });
  const dial = (localAddress: string) => {
    const socket = connect({ host: '127.0.0.1', port: server.port, localAddress });
    return socket.on('error', () => {});
  };
  const first = [dial('127.0.0.1'), dial('127.0.0.1')];
  await Promise.all(first.map((socket) => once(socket, 'connect')));
  await once(dial('127.0.0.1').resume(), 'close');
  const other = dial('127.0.0.2');
  await once(other, 'connect');
  first[0]?.destroy();
  // There is room again.
  await vi.waitFor(async () => {
    const again = dial('127.0.0.1');
    again.write(`GET / HTTP/1.1\r\nhost: x\r\n\r\n`);
    const [answer] = await Promise.race([once(again, 'data'), once(again, 'close')]);
    expect(String(answer)).toMatch(/^HTTP\/1.1 404/);
    again.destroy();
  });
  for (const socket of [...first, other]) socket.destroy();
  expect(await server.metrics.text()).toMatch(
    /weir_connections_refused\S*{limit="per_address"[^}]*} [1-9]/,
  );
});

const noise = vi.spyOn(console, 'error');
afterEach(() => expect(noise).not.toHaveBeenCalled());

/** Items that a reader who does not read leaves behind, without end. */
function endless() {
  const left = Promise.withResolvers<void>();
  const body = { case: 'payload' as const, value: new Uint8Array(100_000) };
  const result = { outcome: { case: 'item' as const, value: { body } } };
  const routes: Parameters<typeof openTestServer>[0]['routes'] = (router) =>
    router.service(RouterService, {
      async *streamContext(_, { signal }) {
        signal.addEventListener('abort', () => left.resolve(), { once: true });
        for (;;) yield { result };
      },
    });
  return { left: left.promise, routes };
}

it('a stream over HTTP/2 whose reader takes nothing is cut, and the others are not', async () => {
  const { left, routes } = endless();
  await using server = await openTestServer({ routes, limits: { slowReaderMs: 80 } });
  const session = connectHttp2(server.url, { settings: { initialWindowSize: 65_535 } });
  const ask = () => {
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      authorization,
    });
    stream.on('error', () => {});
    return stream.end(Buffer.alloc(5));
  };
  const slow = ask();
  const [headers] = await once(slow, 'response');
  expect(headers).toMatchObject({ ':status': 200 });
  const closed = new Promise((resolve) => slow.once('close', resolve));
  await left;
  slow.resume();
  await closed;
  expect(slow.rstCode).toBe(11);
  expect(session.destroyed).toBe(false);
  session.destroy();
}, 60_000);

it('one of which as much waits at every look, and is taken, is not cut', async () => {
  const SLOW_READER_MS = 100;
  const result = { index: 1 };
  await using server = await openTestServer({
    limits: { slowReaderMs: SLOW_READER_MS },
    routes: (router) =>
      router.service(RouterService, {
        async *streamContext(_, { signal }) {
          // It is written after what is sent in a turn of the loop, and so waits when looks come.
          for (; !signal.aborted; await setImmediate()) yield { result };
        },
      }),
  });
  const session = connectHttp2(server.url);
  const stream = session.request({
    ...{ ':method': 'POST', ':path': path, 'content-type': 'application/grpc', authorization },
  });
  stream.on('error', () => {});
  stream.end(Buffer.alloc(5));
  let pieces = 0;
  stream.on('data', () => {
    pieces += 1;
  });
  await Promise.race([once(stream, 'close'), sleep(10 * SLOW_READER_MS)]);
  expect(stream.rstCode).toBe(0);
  expect(stream.closed).toBe(false);
  expect(pieces).toBeGreaterThan(20);
  session.destroy();
});

it('a stream over HTTP/1.1 whose reader takes nothing is cut', async () => {
  const { left, routes } = endless();
  await using server = await openTestServer({ routes, limits: { slowReaderMs: 80 } });
  const socket = connect({ host: '127.0.0.1', port: server.port });
  socket.on('error', () => {});
  const head = `POST ${path} HTTP/1.1\r\nhost: x\r\nauthorization: ${authorization}\r\n`;
  const type = 'content-type: application/connect+proto\r\ncontent-length: 5\r\n\r\n';
  socket.write(`${head}${type}\0\0\0\0\0`);
  socket.pause();
  await left;
  socket.destroy();
}, 60_000);

it('calls that stand behind another one on a connection that breaks end quietly', async () => {
  const arrived = Promise.withResolvers<void>();
  await using server = await openTestServer({
    routes: (router) =>
      router.service(RouterService, {
        async fetchContext(_, { signal }) {
          arrived.resolve();
          await once(signal, 'abort');
          return {};
        },
      }),
  });
  const faults: unknown[] = [];
  const onFault = (fault: unknown) => faults.push(fault);
  process.on('uncaughtException', onFault);
  const socket = connect({ host: '127.0.0.1', port: server.port });
  const lines = ['host: x', 'content-type: application/json', 'content-length: 2'];
  const request = (...more: string[]) =>
    `POST ${path.replace('Stream', 'Fetch')} HTTP/1.1\r\n${[...lines, ...more].join('\r\n')}\r\n\r\n{}`;
  socket.write(request(`authorization: ${authorization}`) + request());
  await arrived.promise;
  socket.destroy();
  await once(socket, 'close');
  const atWork = async () => /^weir_calls_at_work.* (\d+)$/m.exec(await server.metrics.text())?.[1];
  await vi.waitFor(async () => expect(await atWork()).toBe('0'));
  await server.drain(1000);
  process.off('uncaughtException', onFault);
  expect(faults).toEqual([]);
});
