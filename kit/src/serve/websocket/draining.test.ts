import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Code, type ConnectRouter, createClient } from '@connectrpc/connect';
import { createWebSocketTransport } from '@weir/sdk';
import { RouterService } from '@weir/sdk/gen/weir/router/v1/router_pb';
import { describe, expect, onTestFinished, test } from 'vitest';
import { drainingKey } from '../draining.ts';
import { openTestSocket, until, useServers } from './test-socket.ts';

// A server that stops, and the calls that go over its WebSockets.

const fetchContext = '/weir.router.v1.RouterService/FetchContext';
const streamContext = '/weir.router.v1.RouterService/StreamContext';

const open = useServers();

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

  test('the client of the SDK loses no call while it moves to another server', async () => {
    const answering = (name: string) => (router: ConnectRouter) =>
      router.service(RouterService, {
        async fetchContext() {
          await sleep(1);
          return { results: [{ outcome: { case: 'item', value: { etag: name } } }] };
        },
      });
    const [one, two] = [await open(answering('one')), await open(answering('two'))];
    let port = one.port;
    // A balancer: each connection goes to where new ones are to go.
    const balancer = createServer((socket) => {
      const onward = connect(port, '127.0.0.1');
      onward.on('error', () => socket.destroy()).pipe(socket);
      socket.on('error', () => onward.destroy()).pipe(onward);
    }).listen(0, '127.0.0.1');
    await once(balancer, 'listening');
    onTestFinished(() => void balancer.close());
    const url = `http://127.0.0.1:${(balancer.address() as AddressInfo).port}`;
    const transport = createWebSocketTransport({ url, key: 'good' });
    onTestFinished(() => transport.close());
    const client = createClient(RouterService, transport);
    const seen: string[] = [];
    let stop = false;
    const callers = Array.from({ length: 20 }, async () => {
      while (!stop) {
        const { results } = await client.fetchContext({});
        const { outcome } = results[0] ?? {};
        seen.push(outcome?.case === 'item' ? outcome.value.etag : '');
      }
    });
    await until(() => seen.length > 100);
    port = two.port;
    await one.drain(10_000);
    await until(() => seen.at(-1) === 'two');
    stop = true;
    // None has failed.
    await Promise.all(callers);
    expect(seen).toContain('one');
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
