import { Agent } from 'node:http';
import { type Client, Code, ConnectError, createClient, type Transport } from '@connectrpc/connect';
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from '@connectrpc/connect-node';
import { ErrorInfoSchema } from '@weir/sdk/gen/google/rpc/error_details_pb';
import { AdminService } from '@weir/sdk/gen/weir/registry/v1/admin_pb';
import { RegistryService } from '@weir/sdk/gen/weir/registry/v1/registry_pb';
import { RouterService } from '@weir/sdk/gen/weir/router/v1/router_pb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestWeir, type TestWeir } from './weir.ts';

// What no caller may send, and the answer that each gets, whatever the protocol.

let weir: TestWeir;

beforeAll(async () => {
  weir = await openTestWeir();
});

afterAll(() => weir[Symbol.asyncDispose]());

/** No connection is used twice: one that carried too much is ended by the server. */
const nodeOptions = { agent: new Agent({ keepAlive: false }) };

const protocols: Record<string, (baseUrl: string) => Transport> = {
  gRPC: (baseUrl) => createGrpcTransport({ baseUrl }),
  'gRPC-Web': (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: '1.1', nodeOptions }),
  'Connect binary': (baseUrl) =>
    createConnectTransport({ baseUrl, httpVersion: '1.1', nodeOptions }),
  'Connect JSON': (baseUrl) =>
    createConnectTransport({ baseUrl, httpVersion: '2', useBinaryFormat: false }),
};

interface Clients {
  readonly router: Client<typeof RouterService>;
  readonly registry: Client<typeof RegistryService>;
  readonly admin: Client<typeof AdminService>;
}

/** What is sent, the code and the reason that come back, and what the text says. */
type Case = readonly [string, (clients: Clients) => Promise<unknown>, Code, string, RegExp];

const fetchKey = (key: string) => (c: Clients) =>
  c.router.fetchContext({
    refs: [
      { type: 'DocChunk', key: 'fine' },
      { type: 'DocChunk', key },
    ],
  });
const fetchOne =
  (more: object, ref: object = {}) =>
  (c: Clients) =>
    c.router.fetchContext({ refs: [{ type: 'DocChunk', key: 'fine', ...ref }], ...more });
const register = (more: string) => (c: Clients) =>
  c.registry.registerProvider({
    source: {
      case: 'document',
      value: `name: bad\nversion: 1.0.0\ncontexts: [{ type: DocChunk, version: 1.0.0 }]\n${more}`,
    },
  });
const publish = (schema: object) => (c: Clients) =>
  c.registry.publishType({
    source: {
      case: 'document',
      value: JSON.stringify({ name: 'Bad', version: '1.0.0', schema }),
    },
  });
const bomb = Array.from({ length: 9 }, (_, i) => `a${i + 1}: &a${i + 1} [${`*a${i},`.repeat(9)}]`);

const { InvalidArgument, NotFound, ResourceExhausted } = Code;
const refs = (count: number) =>
  Array.from({ length: count }, () => ({ type: 'DocChunk', key: 'x' }));

const cases: Case[] = [
  ['an empty key', fetchKey(''), InvalidArgument, 'INVALID_KEY', /^refs\[1\].key: /],
  ['a key over 1 KiB', fetchKey('é'.repeat(513)), InvalidArgument, 'INVALID_KEY', /1024 bytes/],
  ['NUL in a key', fetchKey('a\0b'), InvalidArgument, 'INVALID_KEY', /control character/],
  ['an escape in a key', fetchKey('a\x1b[2J'), InvalidArgument, 'INVALID_KEY', /control character/],
  ['bidi control in a key', fetchKey('a\u202eb'), InvalidArgument, 'INVALID_KEY', /direction/],
  ['a path segment ".."', fetchKey('a/../b'), InvalidArgument, 'INVALID_KEY', /"\.\."/],
  ['a key that is not NFC', fetchKey('e\u0301'), InvalidArgument, 'INVALID_KEY', /NFC/],
  ['an empty batch', (c) => c.router.fetchContext({}), InvalidArgument, 'BATCH_EMPTY', /no ref/],
  ['257 refs', fetchOne({ refs: refs(257) }), InvalidArgument, 'BATCH_TOO_LARGE', /at most 256/],
  [
    'a type without name',
    fetchOne({}, { type: '' }),
    InvalidArgument,
    'INVALID_NAME',
    /refs\[0\].type/,
  ],
  [
    'a range that is none',
    fetchOne({}, { versionRange: '>=' }),
    InvalidArgument,
    'INVALID_VERSION',
    /semver range/,
  ],
  [
    'quality NaN',
    fetchOne({ minQuality: Number.NaN }),
    InvalidArgument,
    'MALFORMED_REQUEST',
    /min_quality/,
  ],
  [
    'quality 1.5',
    fetchOne({ minQuality: 1.5 }),
    InvalidArgument,
    'MALFORMED_REQUEST',
    /min_quality/,
  ],
  [
    'a negative age',
    fetchOne({ maxAge: { seconds: -1n, nanos: 0 } }),
    InvalidArgument,
    'MALFORMED_REQUEST',
    /max_age/,
  ],
  [
    'a forged consistency token',
    fetchOne({ consistencyToken: 'e30.e30' }),
    InvalidArgument,
    'INVALID_CONSISTENCY_TOKEN',
    /altered/,
  ],
  [
    'a page size of -1',
    (c) => c.router.listContext({ pageSize: -1 }),
    InvalidArgument,
    'INVALID_PAGE',
    /page_size/,
  ],
  [
    'a page size of 2^31-1',
    (c) => c.registry.listTypes({ pageSize: 2 ** 31 - 1 }),
    InvalidArgument,
    'INVALID_PAGE',
    /page_size/,
  ],
  [
    'a page token of nobody',
    (c) => c.router.listContext({ pageToken: 'W10' }),
    InvalidArgument,
    'INVALID_PAGE',
    /page_token/,
  ],
  [
    'a page token that is no list',
    (c) => c.registry.listTypes({ pageToken: '%' }),
    InvalidArgument,
    'INVALID_PAGE',
    /page_token/,
  ],
  ['5 MB', fetchKey('x'.repeat(5_000_000)), ResourceExhausted, 'MESSAGE_TOO_LARGE', /larger than/],
  [
    'an id of 3 MB',
    (c) => c.admin.revokeKey({ id: 'x'.repeat(3_000_000) }),
    NotFound,
    'NOT_FOUND',
    /^there is no key "x{128}…"$/,
  ],
  [
    'NUL in a tenant',
    (c) => c.admin.listKeys({ tenant: 'a\0' }),
    InvalidArgument,
    'INVALID_NAME',
    /^tenant: /,
  ],
  [
    'an alias bomb',
    register(`a0: &a0 x\n${bomb.join('\n')}`),
    InvalidArgument,
    'INVALID_MANIFEST',
    /more than 50000/,
  ],
  ['a cycle', register('x: &x { y: *x }'), InvalidArgument, 'INVALID_MANIFEST', /^4:\d+ x\.y: /],
  [
    'a field twice',
    register('title: a\ntitle: b'),
    InvalidArgument,
    'INVALID_MANIFEST',
    /^5:1.*second time/,
  ],
  [
    'several documents',
    register('---\nname: x'),
    InvalidArgument,
    'INVALID_MANIFEST',
    /several documents/,
  ],
  [
    'an unknown tag',
    register('title: !!js/x y'),
    InvalidArgument,
    'INVALID_MANIFEST',
    /^4:8: .*tag/,
  ],
  ['2^53 + 1', register('weight: 9007199254740993'), InvalidArgument, 'INVALID_MANIFEST', /2\^53/],
  [
    '300 KiB',
    register(`title: ${'x'.repeat(300 * 1024)}`),
    InvalidArgument,
    'INVALID_MANIFEST',
    /256 KiB/,
  ],
  [
    '20,000 unknown fields',
    register(Array.from({ length: 20_000 }, (_, i) => `f${i}:`).join('\n')),
    InvalidArgument,
    'INVALID_MANIFEST',
    /no such field/,
  ],
  [
    'an address with a user',
    register('endpoints: [{ url: "http://u:p@h:1" }]'),
    InvalidArgument,
    'INVALID_MANIFEST',
    /user info/,
  ],
  [
    'a remote reference',
    publish({ $ref: 'http://127.0.0.1:1/x' }),
    InvalidArgument,
    'INVALID_SCHEMA',
    /never fetched|nothing is ever fetched/,
  ],
  ['a loop', publish({ $ref: '#' }), InvalidArgument, 'INVALID_SCHEMA', /back to itself/],
  [
    'an exploding pattern',
    publish({ pattern: '(a+)+$' }),
    InvalidArgument,
    'INVALID_SCHEMA',
    /exponential/,
  ],
  [
    'another dialect',
    publish({ $schema: 'http://json-schema.org/draft-07/schema#' }),
    InvalidArgument,
    'INVALID_SCHEMA',
    /dialect/,
  ],
];

describe.each(Object.keys(protocols))('over %s', (protocol) => {
  let clients: Clients;

  beforeAll(() => {
    const transport = (protocols[protocol] as (url: string) => Transport)(weir.weir.url);
    clients = {
      router: createClient(RouterService, authorised(transport)),
      registry: createClient(RegistryService, authorised(transport)),
      admin: createClient(AdminService, authorised(transport)),
    };
  });

  test.each(cases)('%s is refused', async (_, send, code, reason, text) => {
    const error = await send(clients).then(
      () => undefined,
      (refused: unknown) => ConnectError.from(refused),
    );
    expect(error && Code[error.code]).toBe(Code[code]);
    expect(error?.rawMessage).toMatch(text);
    expect(error?.rawMessage).not.toMatch(/\bat .*\.(ts|js):\d|127\.0\.0\.1/);
    const info = error?.findDetails(ErrorInfoSchema)[0];
    expect(info).toMatchObject({ reason: `REASON_${reason}`, domain: 'weir' });
    expect(info?.metadata.request_id).toMatch(/./);
  });

  test('nothing of it was stored', async () => {
    const { providers } = await clients.registry.listProviders({ filter: { text: 'bad' } });
    const { types } = await clients.registry.listTypes({ filter: { text: 'Bad' } });
    expect([...providers, ...types].map(({ manifest }) => manifest?.name)).toEqual([]);
  });
});

/** The transport, with the administrator's key on every call. */
function authorised(transport: Transport): Transport {
  const withKey = (header: ConstructorParameters<typeof Headers>[0]) => {
    const headers = new Headers(header);
    headers.set('authorization', `Bearer ${weir.weir.key}`);
    return headers;
  };
  return {
    unary: (method, signal, timeoutMs, header, input, values) =>
      transport.unary(method, signal, timeoutMs, withKey(header), input, values),
    stream: (method, signal, timeoutMs, header, input, values) =>
      transport.stream(method, signal, timeoutMs, withKey(header), input, values),
  };
}

describe('bytes that are no message', () => {
  const path = '/weir.router.v1.RouterService/FetchContext';
  const post = (type: string, body: string, more: Record<string, string> = {}) =>
    fetch(weir.weir.url + path, {
      method: 'POST',
      body,
      headers: { 'content-type': type, authorization: `Bearer ${weir.weir.key}`, ...more },
    });

  test.each([
    ['JSON cut off', 'application/json', '{"refs":[', {}, 400],
    ['JSON of another shape', 'application/json', '[]', {}, 400],
    ['half a surrogate pair', 'application/json', '{"refs":[{"key":"\\ud800"}]}', {}, 400],
    ['a message cut off', 'application/proto', '\x0a\x7f', {}, 400],
    ['what is not compressed', 'application/json', '{}', { 'content-encoding': 'gzip' }, 400],
    ['a compression nobody knows', 'application/json', '{}', { 'content-encoding': 'zstd' }, 501],
    ['a type nobody knows', 'text/plain', '{}', {}, 415],
  ])('%s', async (_, type, body, more, status) => {
    const answer = await post(type, body, more);
    expect(answer.status).toBe(status);
    expect(await answer.text()).not.toMatch(/\bat .*\.(ts|js):\d/);
  });

  test('base64 in a query that is none', async () => {
    const query = '?connect=v1&encoding=proto&base64=1&message=%25%25';
    const headers = { authorization: `Bearer ${weir.weir.key}` };
    expect((await fetch(weir.weir.url + path + query, { headers })).status).toBe(400);
  });
});
