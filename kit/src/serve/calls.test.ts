import { once } from 'node:events';
import { request } from 'node:http';
import { Writable } from 'node:stream';
import { Code } from '@connectrpc/connect';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { RouterService } from '@weir/sdk/gen/weir/router/v1/router_pb';
import { pino } from 'pino';
import { afterEach, expect, it, vi } from 'vitest';
import { refuse } from '../errors.ts';
import { strangerLinesPerSecond } from './few-lines.ts';
import { authorization, clientOf, echoRoutes, openTestServer, ways } from './test-server.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

interface Line {
  readonly [name: string]: unknown;
}

function collectLog() {
  const lines: Line[] = [];
  const sink = new Writable({
    write(chunk: Buffer, _, done) {
      lines.push(JSON.parse(chunk.toString()));
      done();
    },
  });
  return { log: pino({ level: 'debug', base: null, timestamp: false }, sink), lines };
}

it.each(Object.keys(ways) as (keyof typeof ways)[])(
  'writes one line for each call, and counts it: %s',
  async (way) => {
    const { log, lines } = collectLog();
    await using server = await openTestServer({
      log,
      routes(router) {
        echoRoutes(router);
        router.rpc(RouterService.method.listContext, () => {
          throw refuse(Reason.INVALID_PAGE, 'no such page');
        });
        router.rpc(RouterService.method.explain, () => {
          throw new Error('boom');
        });
      },
    });
    const client = clientOf(server, way);
    await client.fetchContext({}, { headers: { 'x-request-id': 'r-1' } });
    await Array.fromAsync(client.streamContext({}));
    await client.listContext({}).catch(() => undefined);
    await client.explain({}).catch(() => undefined);
    const headers = { authorization: 'Bearer weir_secret' };
    await client.fetchContext({}, { headers }).catch(() => undefined);
    await vi.waitFor(() => expect(lines).toHaveLength(5));

    const of = (name: string) => `weir.router.v1.RouterService/${name}`;
    const who = { tenant: 'acme', principal: 'ann', keyId: 'k1' };
    expect(lines).toMatchObject([
      { level: 20, method: of('FetchContext'), code: 'OK', requestId: 'r-1', ...who },
      { level: 20, method: of('StreamContext'), code: 'OK', ...who },
      { level: 30, method: of('ListContext'), code: 'INVALID_ARGUMENT', text: 'no such page' },
      { level: 50, method: of('Explain'), code: 'INTERNAL', err: { message: 'boom' }, ...who },
      { level: 30, method: of('FetchContext'), code: 'UNAUTHENTICATED' },
    ]);
    expect(lines[0]?.durationMs).toBeGreaterThan(0);
    expect(JSON.stringify(lines)).not.toContain('weir_secret');
    const text = await server.metrics.text();
    for (const { method, code } of lines) {
      const series = `rpc_server_duration_seconds_count{method="${method}",code="${code}",service="test"} 1`;
      expect(text).toContain(series);
    }
  },
);

it('writes of requests that cannot be read, and gives them a reason', async () => {
  const { log, lines } = collectLog();
  await using server = await openTestServer({ log, routes: echoRoutes });
  const answer = await fetch(`${server.url}/weir.router.v1.RouterService/FetchContext`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json' },
    body: '{"refs": 5}',
  });
  expect(answer.status).toBe(400);
  expect(JSON.stringify(await answer.json())).toContain('REASON_MALFORMED_REQUEST');
  expect(lines).toMatchObject([{ code: 'INVALID_ARGUMENT' }]);
});

it.each(Object.keys(ways) as (keyof typeof ways)[])(
  'writes of callers that left, and nothing beside the log: %s',
  async (way) => {
    const { log, lines } = collectLog();
    const noise = vi.spyOn(console, 'error');
    await using server = await openTestServer({
      log,
      routes(router) {
        router.service(RouterService, {
          async *streamContext() {
            const item = { payload: new Uint8Array(100_000) };
            const body = { case: 'payload' as const, value: item.payload };
            for (;;) yield { result: { outcome: { case: 'item' as const, value: { body } } } };
          },
        });
      },
    });
    const leave = new AbortController();
    const stream = clientOf(server, way).streamContext({}, { signal: leave.signal });
    let count = 0;
    const reading = (async () => {
      for await (const _ of stream) {
        count += 1;
        if (count === 3) leave.abort();
      }
    })();
    await expect(reading).rejects.toMatchObject({ code: Code.Canceled });
    const calls = () => lines.filter(({ msg }) => msg === 'call');
    await vi.waitFor(() => expect(calls()).toMatchObject([{ code: 'CANCELLED' }]));
    expect(noise).not.toHaveBeenCalled();
  },
);

it('counts a call once whose time is over before its message has come', async () => {
  const { log, lines } = collectLog();
  await using server = await openTestServer({ log, routes: echoRoutes });
  const sending = request(`${server.url}/weir.router.v1.RouterService/FetchContext`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json', 'connect-timeout-ms': '1' },
  });
  sending.flushHeaders();
  const calls = () => lines.filter(({ msg }) => msg === 'call');
  await vi.waitFor(() => expect(calls()).toHaveLength(1));
  sending.end('{}');
  const [answer] = await once(sending, 'response');
  answer.resume();
  await server.drain(1000);
  expect(calls()).toMatchObject([{ code: 'DEADLINE_EXCEEDED' }]);
  const method = 'method="weir.router.v1.RouterService/FetchContext"';
  const active = `rpc_server_active_calls{${method},service="test"} 0`;
  expect(await server.metrics.text()).toContain(active);
});

it('tells no more than so many calls of strangers in a second, and how many it left out', async () => {
  const { log, lines } = collectLog();
  await using server = await openTestServer({ log, routes: echoRoutes });
  const client = clientOf(server);
  const headers = { authorization: 'Bearer other' };
  const strange = () => client.fetchContext({}, { headers }).catch(() => undefined);
  const leftOutOf = () => lines.reduce((sum, line) => sum + Number(line.leftOut ?? 0), 0);
  let calls = 0;
  // On a busy machine it takes more to have so many in one second.
  while (leftOutOf() === 0) {
    await Promise.all(Array.from({ length: strangerLinesPerSecond }, strange));
    calls += strangerLinesPerSecond;
  }
  await client.fetchContext({});
  // Who is known is told all the same.
  await vi.waitFor(() => expect(lines.some(({ principal }) => principal === 'ann')).toBe(true));
  const toldOf = () => lines.filter(({ code }) => code === 'UNAUTHENTICATED').length;
  await vi.waitFor(() => expect(toldOf() + leftOutOf()).toBe(calls), 5_000);
  expect(toldOf()).toBeLessThan(calls);
});
