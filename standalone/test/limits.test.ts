import { once } from 'node:events';
import { Agent } from 'node:http';
import { connect as connectHttp2, constants } from 'node:http2';
import { create, toBinary, toJsonString } from '@bufbuild/protobuf';
import { type Client, Code, ConnectError, createClient, type Transport } from '@connectrpc/connect';
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from '@connectrpc/connect-node';
import { codeOf, defaultLimits, keyMaxBytes, reasonOf, registryReadMaxBytes } from '@weir/kit';
import { createWebSocketTransport } from '@weir/sdk';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { AdminService, RevokeKeyRequestSchema } from '@weir/sdk/gen/weir/registry/v1/admin_pb';
import { FetchContextRequestSchema, RouterService } from '@weir/sdk/gen/weir/router/v1/router_pb';
import { defineContext, defineProvider, serveProvider } from '@weir/sdk/provider';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestWeir, type TestWeir, until } from './weir.ts';

// What docs/limits.md says of what callers send: at the limit it passes, one beyond it does not.

let weir: TestWeir;
let stack: AsyncDisposableStack;

beforeAll(async () => {
  stack = new AsyncDisposableStack();
  weir = stack.use(await openTestWeir());
  const silent = defineProvider({
    name: 'echo',
    version: '1.0.0',
    timeoutMs: 60_000,
    contexts: [
      defineContext<string>({
        type: 'Echo',
        version: '1.0.0',
        schema: {},
        fetch: async ({ key, signal }) => {
          if (key === 'silence') await once(signal, 'abort');
          return { value: key };
        },
        list: async () => ({ entries: [] }),
      }),
    ],
  });
  stack.use(await serveProvider(silent, { url: weir.weir.url, key: weir.weir.key }));
  await until(async () => (await weir.client.fetch(['Echo/x']))[0]?.ok === true, 'it is served');
});

afterAll(() => stack.disposeAsync());

const headers = () => ({ authorization: `Bearer ${weir.weir.key}` });
// A connection that carried too much is ended by the server.
const nodeOptions = { agent: new Agent({ keepAlive: false }) };
const protocols: Record<string, (baseUrl: string) => Transport> = {
  gRPC: (baseUrl) => createGrpcTransport({ baseUrl }),
  'gRPC-Web': (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: '1.1', nodeOptions }),
  'Connect binary': (baseUrl) => createConnectTransport({ baseUrl, httpVersion: '2' }),
  WebSocket: (baseUrl) => createWebSocketTransport({ url: baseUrl }),
  'Connect JSON': (baseUrl) =>
    createConnectTransport({ baseUrl, httpVersion: '1.1', useBinaryFormat: false, nodeOptions }),
};

interface Clients {
  readonly router: Client<typeof RouterService>;
  readonly admin: Client<typeof AdminService>;
  readonly json: boolean;
}

const refs = (count: number, more: object = {}) =>
  Array.from({ length: count }, () => ({ type: 'Echo', key: 'x', ...more }));
const fetchOne =
  (refOf: (size: number) => object) =>
  ({ router }: Clients, size: number) =>
    router.fetchContext({ refs: refs(1, refOf(size)) }, { headers: headers() });

/** A batch that is so large on the wire. */
function batchOf(bytes: number, json: boolean) {
  const message = create(FetchContextRequestSchema, { consistencyToken: 'x'.repeat(bytes) });
  const size = json
    ? toJsonString(FetchContextRequestSchema, message).length
    : toBinary(FetchContextRequestSchema, message).length;
  return { consistencyToken: message.consistencyToken.slice(size - bytes) };
}

/** A request that is so large once it goes on to the registry. */
function requestOf(bytes: number) {
  const message = create(RevokeKeyRequestSchema, { id: 'x'.repeat(bytes) });
  return { id: message.id.slice(toBinary(RevokeKeyRequestSchema, message).length - bytes) };
}

/** What is sent at a limit or beyond it. */
type Send = (clients: Clients, size: number) => Promise<unknown>;
/** A limit, what is sent, what is told beyond it, and what at it: nothing, when left out. */
type Case = readonly [what: string, limit: number, send: Send, beyond: Reason, at?: Reason];

const cases: Case[] = [
  [
    'bytes of a message',
    defaultLimits.readMaxBytes,
    ({ router, json }, bytes) => router.fetchContext(batchOf(bytes, json), { headers: headers() }),
    Reason.MESSAGE_TOO_LARGE,
    // It was read: there is no ref in it.
    Reason.BATCH_EMPTY,
  ],
  [
    'bytes of a message to the registry',
    registryReadMaxBytes,
    ({ admin }, bytes) => admin.revokeKey(requestOf(bytes), { headers: headers() }),
    Reason.MESSAGE_TOO_LARGE,
    // It was read: there is no such key.
    Reason.NOT_FOUND,
  ],
  [
    'refs of a batch',
    256,
    ({ router }, count) => router.fetchContext({ refs: refs(count) }, { headers: headers() }),
    Reason.BATCH_TOO_LARGE,
  ],
  [
    'refs of a streamed batch',
    256,
    ({ router }, count) =>
      Array.fromAsync(
        router.streamContext({ fetch: { refs: refs(count) } }, { headers: headers() }),
      ),
    Reason.BATCH_TOO_LARGE,
  ],
  [
    'bytes of a key',
    keyMaxBytes,
    fetchOne((size) => ({ key: 'x'.repeat(size) })),
    Reason.INVALID_KEY,
  ],
  [
    'bytes of a key beyond ASCII',
    keyMaxBytes,
    fetchOne((size) => ({ key: `é${'x'.repeat(size - 2)}` })),
    Reason.INVALID_KEY,
  ],
  [
    'letters of a type name',
    63,
    fetchOne((size) => ({ type: 'X'.repeat(size) })),
    Reason.INVALID_NAME,
  ],
  [
    "letters of a provider's name",
    63,
    fetchOne((size) => ({ provider: 'x'.repeat(size) })),
    Reason.INVALID_NAME,
  ],
  [
    'letters of a version range',
    128,
    fetchOne((size) => ({ versionRange: `^1${' '.repeat(size - 4)}||2`.slice(0, size) })),
    Reason.INVALID_VERSION,
  ],
  [
    'entries of a page',
    500,
    ({ router }, pageSize) =>
      router.listContext({ type: 'Echo', pageSize }, { headers: headers() }),
    Reason.INVALID_PAGE,
  ],
];

describe.each(Object.keys(protocols))('over %s', (name) => {
  let clients: Clients;

  beforeAll(() => {
    const transport = (protocols[name] as (url: string) => Transport)(weir.weir.url);
    clients = {
      router: createClient(RouterService, transport),
      admin: createClient(AdminService, transport),
      json: name === 'Connect JSON',
    };
  });

  const reasonAt = (send: Send, size: number) =>
    send(clients, size).then(
      () => undefined,
      (error: unknown) => {
        const { code } = ConnectError.from(error);
        const reason = reasonOf(error);
        // The code is the one that goes with the reason.
        expect([reason, Code[code]]).toEqual([reason, Code[codeOf(reason ?? 0)]]);
        return reason;
      },
    );

  test.each(cases.map(([what, limit, send, beyond, at]) => ({ what, limit, send, beyond, at })))(
    '$what: $limit pass, one more does not',
    async ({ limit, send, beyond, at }) => {
      expect(await reasonAt(send, limit)).toBe(at);
      expect(await reasonAt(send, limit + 1)).toBe(beyond);
    },
  );
});

describe('headers', () => {
  const path = '/weir.router.v1.RouterService/FetchContext';

  test('of HTTP/2 may take 16 KiB, as HTTP/2 counts them', async () => {
    const session = connectHttp2(weir.weir.url, { maxSendHeaderBlockLength: 100_000 });
    await once(session, 'remoteSettings');
    const statusWith = async (bytes: number) => {
      const fields = {
        ':method': 'POST',
        ':path': path,
        ':scheme': 'http',
        ':authority': new URL(weir.weir.url).host,
        'content-type': 'application/json',
      };
      const perField = 32;
      const taken = Object.entries(fields).reduce(
        (sum, [k, v]) => sum + k.length + v.length + perField,
        0,
      );
      const name = 'x-large';
      const value = 'x'.repeat(bytes - taken - name.length - perField);
      const stream = session.request({ ...fields, [name]: value }).end('{}');
      const status = new Promise<number | undefined>((resolve) => {
        stream.on('response', (answer) => resolve(answer[':status']));
        stream.on('error', () => {});
        stream.on('close', () =>
          resolve(stream.rstCode === constants.NGHTTP2_ENHANCE_YOUR_CALM ? 0 : -1),
        );
      });
      stream.resume();
      return status;
    };
    const { headersMaxBytes } = defaultLimits;
    // It was read: no credential is in it.
    expect(await statusWith(headersMaxBytes)).toBe(401);
    expect(await statusWith(headersMaxBytes + 1)).toBe(0);
    session.close();
  });

  test('of HTTP/1.1 may take nearly 16 KiB', async () => {
    const statusWith = async (bytes: number) => {
      const more = { 'content-type': 'application/json', 'x-large': 'x'.repeat(bytes) };
      return (await fetch(weir.weir.url + path, { method: 'POST', body: '{}', headers: more }))
        .status;
    };
    const { headersMaxBytes } = defaultLimits;
    expect(await statusWith(headersMaxBytes - 512)).toBe(401);
    expect(await statusWith(headersMaxBytes)).toBe(431);
  });
});

test('a call that sets no deadline has the default one', async () => {
  const client = createClient(RouterService, createGrpcTransport({ baseUrl: weir.weir.url }));
  const asked = { refs: [{ type: 'Echo', key: 'silence' }, ...refs(1)] };
  const { results } = await client.fetchContext(asked, { headers: headers() });
  const [silent, spoken] = results.map(({ outcome }) => outcome);
  expect(silent).toMatchObject({ case: 'refusal', value: { reason: Reason.DEADLINE_EXCEEDED } });
  expect(spoken?.case).toBe('item');
}, 60_000);
