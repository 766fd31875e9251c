import { Code, ConnectError, type ConnectRouter, createClient } from '@connectrpc/connect';
import { createWebSocketTransport } from '@weir/sdk';
import { ErrorInfoSchema, RetryInfoSchema } from '@weir/sdk/gen/google/rpc/error_details_pb';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { RouterService } from '@weir/sdk/gen/weir/router/v1/router_pb';
import { pino } from 'pino';
import { afterEach, describe, expect, test } from 'vitest';
import { reasonOf, refuse } from '../../errors.ts';
import type { ServeOptions } from '../options.ts';
import { authorization, clientOf, echoRoutes, openTestServer } from '../test-server.ts';
import { openTestSocket, until } from './test-socket.ts';

// The same calls over a WebSocket and over Connect: they answer and fail alike.

const fetchContext = '/weir.router.v1.RouterService/FetchContext';

let stack = new AsyncDisposableStack();
afterEach(async () => {
  await stack.disposeAsync();
  stack = new AsyncDisposableStack();
});

async function open(
  routes: (router: ConnectRouter) => void = echoRoutes,
  more: Partial<ServeOptions> = {},
) {
  const server = stack.use(await openTestServer({ routes, webSocket: { hosts: [] }, ...more }));
  const transport = createWebSocketTransport({
    url: server.url,
    interceptors: [
      (next) => (request) => {
        const { header } = request;
        if (!header.has('authorization')) header.set('authorization', authorization);
        return next(request);
      },
    ],
  });
  stack.defer(() => transport.close());
  const client = createClient(RouterService, transport);
  return { server, client, plain: clientOf(server, 'Connect on HTTP/2') };
}

const refs = (...keys: string[]) => ({ refs: keys.map((key) => ({ type: 'A', key })) });

describe('answers', () => {
  test('a call and a stream are as over Connect', async () => {
    const { client, plain } = await open();
    const request = refs('a', 'b');
    expect(await client.fetchContext(request)).toEqual(await plain.fetchContext(request));
    const streamed = await Array.fromAsync(client.streamContext({ fetch: request }));
    expect(streamed).toHaveLength(2);
    expect(streamed).toEqual(await Array.fromAsync(plain.streamContext({ fetch: request })));
  });

  test('a shell tool calls in JSON', async () => {
    const { server } = await open();
    using socket = await openTestSocket(server.url);
    socket.open(1, fetchContext, { message: refs('a') });
    const metadata = { 'x-request-id': expect.any(String) };
    expect(await socket.ended(1)).toEqual({ call: 1, metadata });
    expect(socket.messages(1)).toEqual([{ results: [{ item: { etag: 'a' } }] }]);
  });

  test('the log says how a call came, and by which id', async () => {
    const lines: string[] = [];
    const log = pino({ level: 'debug' }, { write: (line) => void lines.push(line) });
    const { client } = await open(echoRoutes, { log });
    await client.fetchContext(refs('a'), { headers: { 'x-request-id': 'my-id' } });
    await until(() => lines.length > 0);
    expect(JSON.parse(lines.find((line) => line.includes('FetchContext')) ?? '')).toMatchObject({
      ...{ protocol: 'websocket', requestId: 'my-id', code: 'OK', principal: 'ann' },
    });
  });

  test('two calls of one connection go on at once, and end in any order', async () => {
    const held = Promise.withResolvers<void>();
    const { client } = await open((router) =>
      router.service(RouterService, {
        async fetchContext({ refs: [ref] }) {
          if (ref?.key === 'late') await held.promise;
          return {};
        },
      }),
    );
    const ended: string[] = [];
    const call = async (key: string) => {
      await client.fetchContext(refs(key));
      ended.push(key);
    };
    const both = [call('late'), call('soon')];
    await both[1];
    held.resolve();
    await Promise.all(both);
    expect(ended).toEqual(['soon', 'late']);
  });
});

describe('refusals', () => {
  /** What both protocols fail with: code, text, reason, delay. */
  async function failures(...calls: Promise<unknown>[]) {
    return Promise.all(
      calls.map(async (call) => {
        const error = await call.then(
          () => undefined,
          (thrown: unknown) => ConnectError.from(thrown),
        );
        const [info] = error?.findDetails(ErrorInfoSchema) ?? [];
        return {
          ...{ code: error?.code, text: error?.rawMessage, wire: error?.isWireError },
          ...{ reason: info?.reason, domain: info?.domain, id: info?.metadata.request_id !== '' },
          delay: error?.findDetails(RetryInfoSchema)[0]?.retryDelay,
          retryAfter: error?.metadata.get('retry-after'),
        };
      }),
    );
  }
  const refusing = (router: ConnectRouter) =>
    router.service(RouterService, {
      fetchContext({ refs: [ref] }) {
        if (ref?.key === 'bug') throw new Error('secret of ours');
        throw refuse(Reason.OVERLOADED, 'too much: "ä"', { retryDelayMs: 1_234 });
      },
      async *streamContext({ fetch }) {
        yield {};
        if (fetch?.refs.length === 0) throw refuse(Reason.BATCH_EMPTY, 'nothing asked');
      },
    });

  test('code, text, reason and delay of a refusal are those of Connect', async () => {
    const { client, plain } = await open(refusing);
    const [socket, connect] = await failures(
      client.fetchContext(refs('a')),
      plain.fetchContext(refs('a')),
    );
    expect(socket).toEqual(connect);
    expect(socket).toMatchObject({
      ...{ code: Code.Unavailable, text: 'too much: "ä"', reason: 'REASON_OVERLOADED' },
      ...{ delay: { seconds: 1n, nanos: 234_000_000 }, retryAfter: '2', wire: true },
    });
  });

  test('so are those of a stream that breaks off, of which its messages come', async () => {
    const { client, plain } = await open(refusing);
    const read = async (from: typeof client, seen: unknown[]) => {
      for await (const message of from.streamContext({ fetch: {} })) seen.push(message);
    };
    const seen: [unknown[], unknown[]] = [[], []];
    const [socket, connect] = await failures(read(client, seen[0]), read(plain, seen[1]));
    expect(socket).toEqual(connect);
    expect(socket?.reason).toBe('REASON_BATCH_EMPTY');
    expect(seen.map(({ length }) => length)).toEqual([1, 1]);
  });

  test('a fault of ours says nothing', async () => {
    const { client } = await open(refusing);
    const [fault] = await failures(client.fetchContext(refs('bug')));
    expect(fault).toMatchObject({ code: Code.Internal, reason: 'REASON_INTERNAL' });
    expect(fault?.text).not.toContain('secret');
  });

  test.each([
    ['no credential', ''],
    ['a bad one', 'Bearer bad'],
  ])('%s', async (_, credential) => {
    const { client, plain } = await open();
    const headers = { authorization: credential };
    const [socket, connect] = await failures(
      client.fetchContext(refs('a'), { headers }),
      plain.fetchContext(refs('a'), { headers }),
    );
    expect(socket).toEqual(connect);
    expect(socket?.code).toBe(Code.Unauthenticated);
  });

  test('the credential of the connection counts, and another beside it does not', async () => {
    const { server } = await open();
    using socket = await openTestSocket(server.url, { headers: { authorization } });
    const message = refs('a');
    socket.say({ open: { call: 1, method: fetchContext, message } });
    expect((await socket.ended(1)).code ?? 0).toBe(0);
    const other = { authorization: 'Bearer other' };
    socket.say({ open: { call: 2, method: fetchContext, message, metadata: other } });
    expect((await socket.ended(2)).code).toBe(Code.Unauthenticated);
    const same = { Authorization: authorization, authorization };
    socket.say({ open: { call: 3, method: fetchContext, message, metadata: same } });
    expect((await socket.ended(3)).code).toBe(Code.Unauthenticated);
  });

  test('a message that is too large, or cannot be read', async () => {
    const { client, plain, server } = await open();
    const large = { consistencyToken: 'x'.repeat(4 * 1024 * 1024 + 1) };
    const [socket, connect] = await failures(client.fetchContext(large), plain.fetchContext(large));
    expect(socket?.reason).toBe('REASON_MESSAGE_TOO_LARGE');
    expect(socket?.code).toBe(connect?.code);
    using json = await openTestSocket(server.url);
    json.open(1, fetchContext, { message: { refs: 7 } });
    expect(await json.ended(1)).toMatchObject({
      code: Code.InvalidArgument,
      details: [{ reason: 'REASON_MALFORMED_REQUEST' }],
    });
  });

  test.each([
    ['an unknown method', { method: '/weir.router.v1.RouterService/Nothing' }, Code.Unimplemented],
    ['a method spelled differently', { method: `${fetchContext}?x=1` }, Code.Unimplemented],
    ['metadata of the framing', { metadata: { 'grpc-encoding': 'gzip' } }, Code.InvalidArgument],
    ['metadata that is no header', { metadata: { 'a b': 'c' } }, Code.InvalidArgument],
    ['much metadata', { metadata: { a: 'x'.repeat(16 * 1024) } }, Code.ResourceExhausted],
  ])('%s ends the call alone', async (_, more, code) => {
    const { server } = await open();
    using socket = await openTestSocket(server.url);
    socket.open(1, fetchContext, { message: refs('a'), ...more });
    expect((await socket.ended(1)).code).toBe(code);
    socket.open(2, fetchContext, { message: refs('a') });
    expect((await socket.ended(2)).code ?? 0).toBe(0);
  });
});

test('overload is refused as elsewhere, with a delay', async () => {
  const held = Promise.withResolvers<void>();
  const { server } = await open(
    (router) =>
      router.service(RouterService, {
        async fetchContext() {
          await held.promise;
          return {};
        },
      }),
    { limits: { callsAtWork: 1, callsWaiting: 1, queueMs: 10_000 } },
  );
  using socket = await openTestSocket(server.url);
  for (const call of [1, 2, 3]) socket.open(call, fetchContext);
  const refused = await socket.ended(3);
  expect(refused).toMatchObject({ code: Code.Unavailable });
  expect(refused.details?.[0]?.reason).toBe('REASON_OVERLOADED');
  expect(refused.details?.[1]).toHaveProperty('retryDelay');
  held.resolve();
  expect((await socket.ended(2)).code ?? 0).toBe(0);
});

test('what a caller of a handler learns of refusals is the reason', async () => {
  const { client } = await open();
  const error = await client
    .fetchContext(refs('a'), { headers: { authorization: 'Bearer bad' } })
    .catch((thrown: unknown) => thrown);
  expect(reasonOf(error)).toBe(Reason.CREDENTIAL_INVALID);
});
