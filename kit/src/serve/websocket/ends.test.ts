import { once } from 'node:events';
import { Code, type ConnectRouter, createClient } from '@connectrpc/connect';
import { createWebSocketTransport } from '@weir/sdk';
import { RouterService } from '@weir/sdk/gen/weir/router/v1/router_pb';
import { afterEach, describe, expect, test } from 'vitest';
import type { ServeOptions } from '../options.ts';
import { openTestServer } from '../test-server.ts';
import { openTestSocket, until } from './test-socket.ts';

// How calls end: by themselves, by their deadlines, by their callers, by too many of them.

const fetchContext = '/weir.router.v1.RouterService/FetchContext';
const streamContext = '/weir.router.v1.RouterService/StreamContext';

let stack = new AsyncDisposableStack();
afterEach(async () => {
  await stack.disposeAsync();
  stack = new AsyncDisposableStack();
});

async function open(routes: (router: ConnectRouter) => void, more: Partial<ServeOptions> = {}) {
  const server = stack.use(await openTestServer({ routes, webSocket: { hosts: [] }, ...more }));
  const transport = createWebSocketTransport({ url: server.url, key: 'good' });
  stack.defer(() => transport.close());
  return { server, client: createClient(RouterService, transport) };
}

const refs = (...keys: string[]) => ({ refs: keys.map((key) => ({ type: 'A', key })) });

describe('ends', () => {
  /** Calls that wait until their callers leave, which is told. */
  function waiting() {
    const left: string[] = [];
    let begun = 0;
    const wait = async (signal: AbortSignal) => {
      begun += 1;
      if (!signal.aborted) await once(signal, 'abort');
      left.push(String(signal.reason?.name));
    };
    const routes = (router: ConnectRouter) =>
      router.service(RouterService, {
        async fetchContext(_, { signal }) {
          await wait(signal);
          return {};
        },
        async *streamContext(_, { signal }) {
          yield {};
          await wait(signal);
        },
      });
    return { routes, left, begun: () => begun };
  }

  test('a deadline ends a call', async () => {
    const { routes, left } = waiting();
    const { server } = await open(routes);
    using socket = await openTestSocket(server.url);
    socket.open(1, fetchContext, { timeoutMs: 20 });
    expect(await socket.ended(1)).toMatchObject({
      code: Code.DeadlineExceeded,
      details: [{ reason: 'REASON_DEADLINE_EXCEEDED' }],
    });
    await until(() => left.length === 1);
  });

  test('a call without a deadline has that of the server', async () => {
    const { routes } = waiting();
    const { server } = await open(routes, { limits: { defaultTimeoutMs: 30 } });
    using socket = await openTestSocket(server.url);
    socket.open(1, fetchContext);
    expect((await socket.ended(1)).code).toBe(Code.DeadlineExceeded);
  });

  test('a cancel ends its call, and no other', async () => {
    const { routes, left, begun } = waiting();
    const { server } = await open(routes);
    using socket = await openTestSocket(server.url);
    socket.open(1, streamContext);
    socket.open(2, streamContext);
    await until(() => begun() === 2);
    socket.say({ cancel: { call: 1 } });
    socket.say({ cancel: { call: 99 } });
    expect((await socket.ended(1)).code).toBe(Code.Canceled);
    await until(() => left.length === 1);
    expect(socket.sent.filter(({ end }) => end?.call === 2)).toEqual([]);
  });

  test('the caller that aborts is told so, and so is the handler', async () => {
    const { routes, left, begun } = waiting();
    const { client } = await open(routes);
    const leaving = new AbortController();
    const call = client.fetchContext(refs('a'), { signal: leaving.signal });
    await until(() => begun() === 1);
    leaving.abort();
    await expect(call).rejects.toMatchObject({ code: Code.Canceled });
    await until(() => left.length === 1);
  });

  test('a connection that breaks ends its calls, which are counted no more', async () => {
    const { routes, left, begun } = waiting();
    const { server } = await open(routes);
    using socket = await openTestSocket(server.url);
    for (let call = 1; call <= 10; call++) socket.open(call, streamContext);
    await until(() => begun() === 10);
    socket.ws.terminate();
    await until(() => left.length === 10);
    const atWork = /^weir_calls_at_work.* 0$/m;
    await expect.poll(() => server.metrics.text(), { timeout: 10_000 }).toMatch(atWork);
    // Nothing holds a drain up.
    await server.drain(10_000);
  });

  test('a number that is in use ends the call that has it', async () => {
    const { routes, begun } = waiting();
    const { server } = await open(routes);
    using socket = await openTestSocket(server.url);
    socket.open(1, streamContext);
    await until(() => begun() === 1);
    socket.open(1, streamContext);
    expect(await socket.ended(1)).toMatchObject({ code: Code.InvalidArgument });
    socket.open(2, streamContext);
    await until(() => begun() === 2);
    expect(socket.sent.filter(({ end }) => end)).toHaveLength(1);
  });

  test('of 101 calls the last one is refused, until another ends', async () => {
    const { routes, begun } = waiting();
    const { server } = await open(routes);
    using socket = await openTestSocket(server.url);
    for (let call = 1; call <= 101; call++) socket.open(call, streamContext);
    expect(await socket.ended(101)).toMatchObject({
      code: Code.Unavailable,
      details: [{ reason: 'REASON_OVERLOADED' }, { retryDelay: '0.200s' }],
    });
    await until(() => begun() === 100);
    socket.say({ cancel: { call: 7 } });
    await socket.ended(7);
    socket.open(102, streamContext);
    await until(() => begun() === 101);
  });

  test('the transport takes another connection for what does not fit on one', async () => {
    const { routes, begun } = waiting();
    const { client } = await open(routes);
    const leaving = new AbortController();
    const { signal } = leaving;
    const calls = Array.from({ length: 150 }, () => client.fetchContext(refs('a'), { signal }));
    await until(() => begun() === 150);
    leaving.abort();
    const ends = await Promise.allSettled(calls);
    expect(new Set(ends.map(({ status }) => status))).toEqual(new Set(['rejected']));
  });
});
