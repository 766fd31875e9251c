import { once } from 'node:events';
import { Agent, get } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { Code, ConnectError } from '@connectrpc/connect';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { RouterService } from '@weir/sdk/gen/weir/router/v1/router_pb';
import { describe, expect, it } from 'vitest';
import { reasonOf } from '../errors.ts';
import { drainingKey } from './draining.ts';
import { authorization, clientOf, echoRoutes, openTestServer, ways } from './test-server.ts';

describe.each(Object.keys(ways) as (keyof typeof ways)[])('draining, with %s', (way) => {
  it('lets calls end, and takes no more', async () => {
    const begun = Promise.withResolvers<void>();
    const finish = Promise.withResolvers<void>();
    await using server = await openTestServer({
      routes(router) {
        router.service(RouterService, {
          async fetchContext() {
            begun.resolve();
            await finish.promise;
            return { results: [{ index: 5 }] };
          },
        });
      },
    });
    const call = clientOf(server, way).fetchContext({});
    await begun.promise;
    expect(server.draining.aborted).toBe(false);
    const drained = server.drain(10_000);
    expect(server.draining.aborted).toBe(true);
    const refused = clientOf(server, way).fetchContext({});
    await expect(refused).rejects.toMatchObject({ code: Code.Unavailable });
    finish.resolve();
    expect((await call).results[0]?.index).toBe(5);
    await drained;
  });

  it('ends what does not end in time, with a status that says why', async () => {
    const begun = Promise.withResolvers<void>();
    await using server = await openTestServer({
      routes(router) {
        router.service(RouterService, {
          fetchContext: () => new Promise(() => undefined),
          async *streamContext() {
            yield {};
            begun.resolve();
            await new Promise(() => undefined);
          },
        });
      },
    });
    const client = clientOf(server, way);
    const call = ended(client.fetchContext({}));
    const stream = ended(Array.fromAsync(client.streamContext({})));
    await begun.promise;
    const startMs = performance.now();
    await server.drain(100);
    expect(performance.now() - startMs).toBeLessThan(1000);
    expect(await call).toMatchObject({ code: Code.Unavailable });
    expect(reasonOf(await call)).toBe(Reason.OVERLOADED);
    expect(await stream).toMatchObject({
      code: Code.Unavailable,
      rawMessage: 'the server is shutting down; call again',
    });
  });

  it('tells long streams, so that they end themselves', async () => {
    const begun = Promise.withResolvers<void>();
    await using server = await openTestServer({
      routes(router) {
        router.service(RouterService, {
          async *streamContext(_, { values }) {
            yield { result: { index: 1 } };
            begun.resolve();
            await once(values.get(drainingKey), 'abort');
            yield { result: { index: 2 } };
          },
        });
      },
    });
    const stream = Array.fromAsync(clientOf(server, way).streamContext({}));
    await begun.promise;
    await server.drain(10_000);
    expect((await stream).map(({ result }) => result?.index)).toEqual([1, 2]);
  });
});

it('does not wait for idle peers, whatever they speak', async () => {
  await using server = await openTestServer({ routes: echoRoutes });
  const silent = connect({ host: '127.0.0.1', port: server.port });
  const session = connectHttp2(server.url);
  await once(session, 'remoteSettings');
  const goneAway = once(session, 'goaway');
  const agent = new Agent({ keepAlive: true });
  await new Promise<void>((resolve) => {
    get(`${server.url}/else`, { agent }, (response) => {
      response.resume().on('end', resolve);
    });
  });
  const closed = [once(silent, 'close'), once(session, 'close')];
  const startMs = performance.now();
  await server.drain(60_000);
  expect(performance.now() - startMs).toBeLessThan(30_000);
  await goneAway;
  await Promise.all(closed);
  agent.destroy();
});

it('outlives a peer of HTTP/2 that reads nothing of what is sent to it', async () => {
  const body = { case: 'payload' as const, value: new Uint8Array(1_000_000) };
  const result = { outcome: { case: 'item' as const, value: { body } } };
  const full = Promise.withResolvers<void>();
  await using server = await openTestServer({
    routes: (router) =>
      router.service(RouterService, {
        async *streamContext(_, { signal }) {
          const stuck = () => setTimeout(full.resolve, 100);
          for (let waiting = stuck(); !signal.aborted; waiting = stuck()) {
            yield { result };
            clearTimeout(waiting);
          }
        },
      }),
  });
  const session = connectHttp2(server.url, { settings: { initialWindowSize: 2 ** 30 } });
  session.on('error', () => {});
  await once(session, 'connect');
  session.setLocalWindowSize(2 ** 30);
  const stream = session.request({
    ':method': 'POST',
    ':path': '/weir.router.v1.RouterService/StreamContext',
    'content-type': 'application/grpc',
    authorization,
  });
  stream.on('error', () => {});
  stream.end(Buffer.alloc(5));
  const { _handle: reading } = socketOf(session);
  await once(stream, 'response');
  reading.readStop();
  await full.promise;
  const drained = server.drain(2_000);
  await new Promise(setImmediate);
  reading.readStart();
  stream.resume();
  await drained;
  session.destroy();
}, 30_000);

/** The socket below a session, whose reading Node does not let others stop. */
function socketOf(session: object): { _handle: { readStop(): void; readStart(): void } } {
  const key = Object.getOwnPropertySymbols(session).find((one) => one.description === 'socket');
  return Reflect.get(session, key ?? '');
}

it('may be asked twice', async () => {
  await using server = await openTestServer({ routes: echoRoutes });
  await Promise.all([server.drain(0), server.drain(10_000)]);
});

async function ended(call: Promise<unknown>): Promise<ConnectError | undefined> {
  try {
    await call;
    return undefined;
  } catch (error) {
    return ConnectError.from(error);
  }
}
