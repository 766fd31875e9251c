import { Code, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import {
  Health,
  HealthCheckResponse_ServingStatus as Status,
} from '@weir/sdk/gen/health/v1/health_pb';
import { RouterService } from '@weir/sdk/gen/weir/router/v1/router_pb';
import { expect, it } from 'vitest';
import { openStreamsPerAddress } from './open-streams.ts';
import { echoRoutes, openTestServer } from './test-server.ts';

const clientOf = (baseUrl: string) => createClient(Health, createGrpcTransport({ baseUrl }));

it('tells of the server and of each service, to anybody', async () => {
  await using server = await openTestServer({ routes: echoRoutes, serving: false });
  const client = clientOf(server.url);
  const service = RouterService.typeName;
  expect((await client.check({})).status).toBe(Status.NOT_SERVING);
  server.setServing(true);
  expect((await client.check({})).status).toBe(Status.SERVING);
  expect((await client.check({ service })).status).toBe(Status.SERVING);
  expect(Object.keys((await client.list({})).statuses)).toEqual(['', service]);
  await expect(client.check({ service: 'else' })).rejects.toMatchObject({ code: Code.NotFound });
});

it('tells watchers of every change, and ends them when the server drains', async () => {
  await using server = await openTestServer({ routes: echoRoutes });
  const watch = clientOf(server.url).watch({})[Symbol.asyncIterator]();
  const status = async () => (await watch.next()).value?.status;
  expect(await status()).toBe(Status.SERVING);
  server.setServing(false);
  expect(await status()).toBe(Status.NOT_SERVING);
  server.setServing(true);
  expect(await status()).toBe(Status.SERVING);
  const drained = server.drain(10_000);
  server.setServing(true);
  expect(await status()).toBe(Status.NOT_SERVING);
  expect((await watch.next()).done).toBe(true);
  await drained;
});

it('tells watchers of a service that it does not know', async () => {
  await using server = await openTestServer({ routes: echoRoutes });
  const leave = new AbortController();
  const answers = clientOf(server.url).watch({ service: 'else' }, { signal: leave.signal });
  const watch = answers[Symbol.asyncIterator]();
  expect((await watch.next()).value?.status).toBe(Status.SERVICE_UNKNOWN);
  leave.abort();
  await expect(watch.next()).rejects.toMatchObject({ code: Code.Canceled });
});

it('lets one address watch so often and no more, whatever it watches, and again once it leaves', async () => {
  await using server = await openTestServer({ routes: echoRoutes });
  const leave = new AbortController();
  const begin = async (signal: AbortSignal) => {
    const watch = clientOf(server.url).watch({}, { signal })[Symbol.asyncIterator]();
    return (await watch.next()).value?.status;
  };
  const many = Array.from({ length: openStreamsPerAddress }, () => begin(leave.signal));
  expect(new Set(await Promise.all(many))).toEqual(new Set([Status.SERVING]));
  const signal = AbortSignal.timeout(10_000);
  await expect(begin(signal)).rejects.toMatchObject({ code: Code.Unavailable });
  // Who asks once is answered all the same.
  expect((await clientOf(server.url).check({})).status).toBe(Status.SERVING);
  leave.abort();
  await expect.poll(() => begin(signal).catch(() => undefined)).toBe(Status.SERVING);
});
