import { type Client, Code, ConnectError, createClient, type Transport } from '@connectrpc/connect';
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from '@connectrpc/connect-node';
import grpc from '@grpc/grpc-js';
import { reasonOf } from '@weir/kit';
import { createWeir } from '@weir/sdk';
import { RetryInfoSchema } from '@weir/sdk/gen/google/rpc/error_details_pb';
import { Health } from '@weir/sdk/gen/health/v1/health_pb';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { RouterService } from '@weir/sdk/gen/weir/router/v1/router_pb';
import { defineContext, defineProvider, serveProvider } from '@weir/sdk/provider';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestWeir, type TestWeir, until } from './weir.ts';

// As many calls as the router takes are held up by a provider; what happens to the others?

const callsAtWork = 12;
const maxBytes = 8 * 1024 * 1024;
let weir: TestWeir;
let stack: AsyncDisposableStack;
let gate = Promise.withResolvers<void>();
let waiting = 0;

beforeAll(async () => {
  stack = new AsyncDisposableStack();
  weir = stack.use(
    await openTestWeir({
      WEIR_CALLS_AT_WORK: String(callsAtWork),
      WEIR_ANSWERS_MAX_BYTES: `${maxBytes}B`,
    }),
  );
  const at = { url: weir.weir.url, key: weir.weir.key };
  stack.use(await serveProvider(holder(), at));
  await until(async () => (await weir.client.fetch(['Held/x']))[0]?.ok === true, 'it is served');
});

afterAll(() => stack.disposeAsync());

/** Holds back keys that begin with "late"; keys that begin with "large" are 3 MB. */
function holder() {
  return defineProvider({
    name: 'holder',
    version: '1.0.0',
    timeoutMs: 60_000,
    contexts: [
      defineContext<string>({
        type: 'Held',
        version: '1.0.0',
        schema: {},
        fetch: async ({ key }) => {
          if (key.startsWith('late')) {
            waiting += 1;
            await gate.promise;
          }
          return { value: key.startsWith('large') ? 'x'.repeat(3_000_000) : key };
        },
      }),
    ],
  });
}

const baseUrl = () => weir.weir.url;
const headers = () => ({ authorization: `Bearer ${weir.weir.key}` });
const transports: Record<string, () => Transport> = {
  gRPC: () => createGrpcTransport({ baseUrl: baseUrl() }),
  'gRPC-Web': () => createGrpcWebTransport({ baseUrl: baseUrl(), httpVersion: '1.1' }),
  'Connect binary': () => createConnectTransport({ baseUrl: baseUrl(), httpVersion: '2' }),
  'Connect JSON': () =>
    createConnectTransport({ baseUrl: baseUrl(), httpVersion: '1.1', useBinaryFormat: false }),
};
const routerOver = (name: string): Client<typeof RouterService> =>
  createClient(RouterService, (transports[name] as () => Transport)());

const refs = [{ type: 'Held', key: 'x' }];
let held: Promise<unknown>[] = [];

/** Fills the router with calls that wait; each is made again while providers' own take its room. */
async function fill(): Promise<void> {
  gate = Promise.withResolvers();
  waiting = 0;
  const router = routerOver('gRPC');
  const hold = async (key: string): Promise<void> => {
    const call = { headers: headers(), timeoutMs: 60_000 };
    try {
      await router.fetchContext({ refs: [{ type: 'Held', key }] }, call);
    } catch (error) {
      if (reasonOf(error) !== Reason.OVERLOADED) throw error;
      await hold(key);
    }
  };
  held = Array.from({ length: callsAtWork }, (_, i) => hold(`late-${Math.random()}-${i}`));
  await until(() => waiting === callsAtWork, 'all of them are at work', 30_000);
}

async function empty(): Promise<void> {
  gate.resolve();
  await Promise.all(held);
}

describe('while a router is full', () => {
  beforeAll(fill);
  afterAll(empty);

  const failed = (call: Promise<unknown>) =>
    call.then(
      () => undefined,
      (error: unknown) => ConnectError.from(error),
    );

  describe.each(Object.keys(transports))('over %s', (name) => {
    test.each([
      ['a call', () => routerOver(name).fetchContext({ refs }, { headers: headers() })],
      [
        'a stream',
        () =>
          Array.fromAsync(
            routerOver(name).streamContext({ fetch: { refs } }, { headers: headers() }),
          ),
      ],
      ['a call without a key', () => routerOver(name).fetchContext({ refs })],
    ])('%s is refused, and told when to come back', async (_, call) => {
      const error = await failed(call());
      expect(error?.code).toBe(Code.Unavailable);
      expect(reasonOf(error)).toBe(Reason.OVERLOADED);
      const [retry] = error?.findDetails(RetryInfoSchema) ?? [];
      const { seconds = 0n, nanos = 0 } = retry?.retryDelay ?? {};
      expect(Number(seconds) * 1000 + nanos / 1e6).toBeGreaterThanOrEqual(500);
      expect(error?.metadata.get('x-request-id')).toMatch(/./);
    });

    test('health answers', async () => {
      const health = createClient(Health, (transports[name] as () => Transport)());
      expect((await health.check({})).status).toBe(1);
    });
  });

  test('a browser may read the refusal of a GET', async () => {
    const query = new URLSearchParams({ connect: 'v1', encoding: 'json', message: '{}' });
    const answer = await fetch(`${baseUrl()}/weir.router.v1.RouterService/FetchContext?${query}`);
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ code: 'unavailable' });
  });

  test('grpc-js understands it', async () => {
    const client = new grpc.Client(new URL(baseUrl()).host, grpc.credentials.createInsecure());
    const bytes = (buffer: Buffer) => buffer;
    const error = await new Promise<grpc.ServiceError | null>((resolve) => {
      const path = '/weir.router.v1.RouterService/FetchContext';
      client.makeUnaryRequest(path, bytes, bytes, Buffer.alloc(0), (refused) => resolve(refused));
    });
    client.close();
    expect(error?.code).toBe(grpc.status.UNAVAILABLE);
    expect(error?.metadata.get('grpc-status-details-bin')).toHaveLength(1);
  });

  test('operators see it', async () => {
    const ops = `http://127.0.0.1:${weir.weir.opsPort}`;
    expect((await fetch(`${ops}/readyz`)).status).toBe(200);
    const text = await (await fetch(`${ops}/metrics`)).text();
    expect(text).toMatch(/weir_calls_refused_total(\{[^}]*\})? [1-9]/);
    expect(text).toMatch(new RegExp(`weir_calls_at_work({[^}]*})? ${callsAtWork}`));
  });
});

test('a router that was full answers again', async () => {
  await fill();
  await empty();
  const client = createWeir({ url: baseUrl(), key: weir.weir.key, retries: 0 });
  await until(async () => {
    const outcomes = await client.fetch(['Held/again']).catch(() => []);
    return outcomes[0]?.ok === true;
  }, 'it answers');
  client.close();
});

test('an SDK that may try again sees nothing of a moment of overload', async () => {
  await fill();
  const fetching = weir.client.fetch(['Held/patient'], { timeoutMs: 30_000 });
  await new Promise((resolve) => setTimeout(resolve, 200));
  await empty();
  expect((await fetching)[0]?.ok).toBe(true);
});

test('what is held for all answers is bounded; what passes it is refused item by item', async () => {
  gate = Promise.withResolvers();
  waiting = 0;
  // Each holds 3 MB until its last item has come; there is room for two.
  const fetching = Array.from({ length: 4 }, (_, i) =>
    routerOver('gRPC').fetchContext(
      {
        refs: [
          { type: 'Held', key: `large-${i}` },
          { type: 'Held', key: `late-large-${i}-${Math.random()}` },
        ],
      },
      { headers: headers(), timeoutMs: 60_000 },
    ),
  );
  await until(() => waiting === 4, 'all of them wait', 30_000);
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  gate.resolve();
  const firsts = (await Promise.all(fetching)).map(({ results }) => results[0]?.outcome);
  const refusals = firsts.flatMap((o) => (o?.case === 'refusal' ? [o.value] : []));
  expect(firsts.filter((o) => o?.case === 'item')).toHaveLength(2);
  expect(refusals.map(({ reason }) => reason)).toEqual([Reason.OVERLOADED, Reason.OVERLOADED]);
  expect(refusals.every(({ retryDelay }) => retryDelay !== undefined)).toBe(true);
  // All of it was given back.
  await until(async () => {
    const text = await (await fetch(`http://127.0.0.1:${weir.weir.opsPort}/metrics`)).text();
    return /^weir_answers_held_bytes(\{[^}]*\})? 0$/m.test(text);
  }, 'nothing is held');
});

test('a stream gives everything in the end, however much it is', async () => {
  const keys = Array.from({ length: 8 }, (_, i) => `Held/large-stream-${i}`);
  const outcomes = await Array.fromAsync(weir.client.stream(keys, { timeoutMs: 60_000 }));
  const faults = outcomes.flatMap((o) => (o.ok ? [] : [o.refusal.text]));
  expect(faults).toEqual([]);
  expect(outcomes).toHaveLength(keys.length);
});
