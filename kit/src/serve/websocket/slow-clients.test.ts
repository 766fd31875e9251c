import { setTimeout as sleep } from 'node:timers/promises';
import { Code, type ConnectRouter } from '@connectrpc/connect';
import { RouterService } from '@weir/sdk/gen/weir/router/v1/router_pb';
import { describe, expect, test, vi } from 'vitest';
import { echoRoutes } from '../test-server.ts';
import { openTestSocket, until, useServers } from './test-socket.ts';

// Clients that read slowly, or ask without end. What waits for a reader is waited for in seconds.

vi.setConfig({ testTimeout: 90_000 });

const fetchContext = '/weir.router.v1.RouterService/FetchContext';
const MIB = 1024 * 1024;
const streamContext = '/weir.router.v1.RouterService/StreamContext';

const open = useServers();

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

  test('that grants nothing for long is cut off, and the rest of its connection is not', async () => {
    const { routes, over } = endless();
    const server = await open(routes, { slowReaderMs: 100 });
    using socket = await openTestSocket(server.url);
    socket.open(1, streamContext, { ...stream('slow'), credit: 3 });
    expect(await socket.ended(1)).toMatchObject({
      code: Code.ResourceExhausted,
      details: [{ reason: 'REASON_SUBSCRIBER_SLOW' }],
    });
    expect(socket.messages(1)).toHaveLength(3);
    expect(over()).toBe(1);
    socket.open(2, fetchContext, { message: {} });
    expect((await socket.ended(2)).code ?? 0).toBe(0);
  });

  test('of a connection is held back, then cut', async () => {
    const { routes, taken, over } = endless();
    const server = await open(routes, { slowReaderMs: 200, slowestReaderBytes: 16 * MIB });
    using socket = await openTestSocket(server.url);
    socket.ws.pause();
    for (let call = 1; call <= 10; call++) socket.open(call, streamContext, stream(`${call}`));
    await until(() => over() === 10);
    const messages = [...taken.values()].reduce((sum, count) => sum + count, 0);
    // What the system's buffers take, what may wait, and one of each call.
    expect(messages * 64 * 1024).toBeLessThan(32 * 1024 * 1024);
    await expect
      .poll(() => server.metrics.text(), { timeout: 60_000 })
      .toMatch(/^weir_websockets.* 0$/m);
  });

  test('that asks and never reads is not heard any more', async () => {
    const server = await open(echoRoutes, { slowReaderMs: 2_000, slowestReaderBytes: 16 * MIB });
    using socket = await openTestSocket(server.url);
    socket.ws.pause();
    const heard = () => server.metrics.text().then((text) => /violations_total.* 0$/m.test(text));
    const frame = JSON.stringify({ open: { call: 1, method: 'x'.repeat(1_000) } });
    const isTaken = async () => {
      for (let looks = 0; looks < 50 && socket.ws.bufferedAmount > 0; looks++) await sleep(10);
      return socket.ws.bufferedAmount === 0;
    };
    let sent = 0;
    do {
      for (let i = 0; i < 1_000; i++) socket.ws.send(frame);
      sent += 1_000;
    } while (sent < 1_000_000 && (await isTaken()));
    // Its own frames wait on its own side.
    expect(socket.ws.bufferedAmount).toBeGreaterThan(0);
    expect(await heard()).toBe(true);
    // Sooner than it would be missed for not answering a ping.
    await expect
      .poll(() => server.metrics.text(), { timeout: 20_000 })
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
    const calls = 2_000;
    for (let call = 1; call <= calls; call++) {
      socket.open(call, fetchContext);
      socket.say({ cancel: { call } });
    }
    await until(() => socket.sent.length === calls);
    // No more of them are at work than may be open.
    expect(most).toBeLessThanOrEqual(100);
    socket.open(calls + 1, fetchContext);
    expect((await socket.ended(calls + 1)).code ?? 0).toBe(0);
    await expect.poll(() => server.metrics.text()).toMatch(/^weir_calls_at_work.* 0$/m);
  });
});
