import { createServer as createHttp2, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { connectNodeAdapter, createConnectTransport } from '@connectrpc/connect-node';
import { createWeir, type Weir } from '@weir/sdk';
import type { Sensitivity } from '@weir/sdk/gen/weir/context/v1/context_pb';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import {
  ContentSchema,
  type FetchResultSchema,
  ProviderService,
} from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import { Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestWeir, type TestWeir } from '../weir.ts';

let weir: TestWeir;
/** Connect with JSON, which cannot say all that bytes can. */
let json: Weir;

beforeAll(async () => {
  weir = await openTestWeir();
  json = withKey(weir.weir.key);
});

afterAll(async () => {
  json.close();
  await weir[Symbol.asyncDispose]();
});

function withKey(key: string): Weir {
  const transport = createConnectTransport({
    baseUrl: weir.weir.url,
    httpVersion: '2',
    useBinaryFormat: false,
    interceptors: [
      (next) => (request) => {
        request.header.set('authorization', `Bearer ${key}`);
        return next(request);
      },
    ],
  });
  return createWeir({ url: weir.weir.url, key, retries: 0, transport });
}

type Outcome = NonNullable<MessageInitShape<typeof FetchResultSchema>['outcome']>;
const MAX_INT64 = 9_223_372_036_854_775_807n;
const forever = { seconds: MAX_INT64, nanos: 0 };

function content(more: MessageInitShape<typeof ContentSchema> = {}): Outcome {
  return { case: 'content', value: create(ContentSchema, { payload: Buffer.from('1'), ...more }) };
}

function failure(more: object): Outcome {
  return { case: 'failure', value: { code: 14, text: '', ...more } };
}

/** What the provider says of each key. */
const lies: Record<string, Outcome> = {
  honest: content(),
  'beyond-time': content({ asOf: forever, ttl: forever }),
  'too-good': content({ quality: 99 }),
  'not-a-number': content({ quality: Number.NaN }),
  'unheard-of-level': content({ sensitivity: 999 as Sensitivity }),
  'many-labels': content({
    labels: Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`l${i}`, ''])),
  }),
  'fat-beside-payload': content({
    payload: new Uint8Array(4 * 1024 * 1024 - 64 * 1024),
    source: 's'.repeat(100_000),
  }),
  'not-modified': { case: 'notModified', value: {} },
  nothing: { case: undefined },
  escapes: failure({ text: `\x1b[2Jgone\x07\u202e${'z'.repeat(100_000)}` }),
  'ask-again-never': failure({ text: 'x', retryDelay: forever }),
  'ask-again-before': failure({ text: 'x', retryDelay: { seconds: -5n, nanos: 0 } }),
};

async function listen(server: Http2Server): Promise<{ url: string } & AsyncDisposable> {
  const sessions = new Set<{ destroy(): void }>();
  server.on('session', (session) => sessions.add(session));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const session of sessions) session.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Publishes a type and registers a provider of it at an address. */
async function introduce(name: string, type: string, url: string): Promise<string> {
  const { registry } = weir.client;
  const document = `name: ${type}\nversion: 1.0.0\nschema: {}\n`;
  await registry.publishType({ source: { case: 'document', value: document } });
  const { consistencyToken } = await registry.registerProvider({
    source: {
      case: 'document',
      value: `name: ${name}\nversion: 1.0.0\ntimeout: 2s\nendpoints: [{ url: "${url}" }]\ncontexts: [{ type: ${type}, version: 1.0.0, ttl: 1m, listable: true }]\n`,
    },
  });
  return consistencyToken;
}

describe('a provider that lies', () => {
  let server: { url: string } & AsyncDisposable;
  let consistencyToken: string;

  beforeAll(async () => {
    server = await listen(
      createHttp2(
        connectNodeAdapter({
          routes: (router) =>
            router.service(ProviderService, {
              async *fetch({ queries }) {
                yield { results: [{ index: 4_000_000_000, outcome: content() }] };
                for (const [index, { key }] of queries.entries()) {
                  const outcome = lies[key] ?? { case: 'notFound' as const, value: {} };
                  yield { results: [{ index, outcome }] };
                }
              },
              list: ({ keyPrefix }) => lists[keyPrefix] ?? {},
            }),
        }),
      ),
    );
    consistencyToken = await introduce('liar', 'Lie', server.url);
  });

  afterAll(() => server[Symbol.asyncDispose]());

  const lists: Record<string, object> = {
    endless: { nextPageToken: 'again' },
    'long-token': { entries: [{ key: 'long-token' }], nextPageToken: 't'.repeat(100_000) },
    'long-page': { entries: Array.from({ length: 1500 }, (_, i) => ({ key: `long-page${i}` })) },
    'beyond-time': { entries: [{ key: 'beyond-time', score: Number.NaN, updateTime: forever }] },
    'no-keys': {
      entries: ['', 'no-keys/../x', 'no-keys\x1b', 'no-keys'].map((key) => ({ key })),
    },
    large: {
      entries: Array.from({ length: 400 }, (_, i) => ({
        key: `large${i}`,
        title: '\x1b[2J',
        summary: 's'.repeat(9_000),
      })),
    },
  };

  test.each(['JSON', 'gRPC'])(
    'lying-provider: harms no other item of the call, over %s',
    async (protocol) => {
      const client = protocol === 'JSON' ? json : weir.client;
      const keys = Object.keys(lies);
      const refs = [...keys.map((key) => ({ type: 'Lie', key })), 'SQLSchema/weir'];
      const outcomes = await client.fetch(refs, { consistencyToken });
      const by = new Map(outcomes.map((outcome) => [outcome.ref.key, outcome]));
      const refused = (key: string) => {
        const outcome = by.get(key);
        return outcome && !outcome.ok ? outcome.refusal : undefined;
      };
      const item = (key: string) => {
        const outcome = by.get(key);
        return outcome?.ok ? outcome.item : undefined;
      };
      expect(item('weir')).toBeDefined();
      expect(item('honest')).toBeDefined();
      expect(item('beyond-time')?.asOf.getFullYear()).toBe(new Date().getFullYear());
      expect(item('too-good')?.judgement).toBeUndefined();
      expect(item('not-a-number')?.judgement).toBeUndefined();
      expect(item('unheard-of-level')?.sensitivity).toBe('restricted');
      expect(refused('many-labels')?.reason).toBe(Reason.PROVIDER_GARBAGE);
      expect(refused('fat-beside-payload')?.reason).toBe(Reason.ITEM_TOO_LARGE);
      expect(refused('not-modified')?.reason).toBe(Reason.PROVIDER_GARBAGE);
      expect(refused('nothing')?.reason).toBe(Reason.PROVIDER_GARBAGE);
      expect(refused('escapes')?.text).toMatch(/^provider liar: {2}\[2Jgone {2}z+…$/);
      expect(refused('ask-again-never')?.text).toBe('provider liar: x');
      expect(refused('ask-again-before')?.text).toBe('provider liar: x');
    },
  );

  test.each([
    ['endless', 0],
    ['long-token', 0],
    ['long-page', 1500],
    ['beyond-time', 1],
    ['no-keys', 1],
    ['large', 400],
  ])('lying-provider: lists %s: the list ends, with %d entries', async (keyPrefix, count) => {
    const keys: (string | undefined)[] = [];
    for await (const { ref, title } of json.list({ type: 'Lie', keyPrefix, pageSize: 500 })) {
      keys.push(ref?.key);
      expect(title).not.toContain('\x1b');
    }
    expect(keys).toHaveLength(count);
    expect(new Set(keys).size).toBe(count);
  });
});

describe('a provider that does not speak the protocol', () => {
  const answers: Record<string, (stream: ServerHttp2Stream) => void> = {
    garbage: (stream) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
      stream.end(Buffer.concat([Buffer.from([0, 0, 0, 0, 20]), Buffer.alloc(20, 255)]));
    },
    'a page': (stream) => {
      stream.respond({ ':status': 200, 'content-type': 'text/html' });
      stream.end('<html>10.1.2.3</html>');
    },
    'a redirect': (stream) => {
      stream.respond({ ':status': 302, location: 'http://10.1.2.3/' }, { endStream: true });
    },
    'a length of 4 GB': (stream) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
      stream.write(Buffer.from([0, 255, 255, 255, 255, 1]));
    },
    'its stack': (stream) => {
      const headers = { 'grpc-status': '13', 'grpc-message': 'Error at 10.1.2.3 (main.ts:1)' };
      stream.respond(
        { ':status': 200, 'content-type': 'application/grpc', ...headers },
        { endStream: true },
      );
    },
    'a reset': (stream) => stream.close(8),
    silence: () => {},
  };
  let answer: (stream: ServerHttp2Stream) => void = () => {};
  let server: { url: string } & AsyncDisposable;
  let consistencyToken: string;

  beforeAll(async () => {
    const raw = createHttp2();
    raw.on('stream', (stream) => {
      stream.on('error', () => {});
      answer(stream);
    });
    server = await listen(raw);
    consistencyToken = await introduce('raw', 'Raw', server.url);
  });

  afterAll(() => server[Symbol.asyncDispose]());

  test.each(Object.keys(answers))(
    'lying-provider: sends %s in place of the protocol',
    async (name) => {
      answer = answers[name] ?? answer;
      const options = { consistencyToken, itemTimeoutMs: 1_000 };
      const [raw, good] = await weir.client.fetch(
        [{ type: 'Raw', key: name }, 'SQLSchema/weir'],
        options,
      );
      expect(good?.ok).toBe(true);
      const refusal = raw?.ok === false ? raw.refusal : undefined;
      expect(refusal?.text).toMatch(/^provider raw/);
      expect(refusal?.text).not.toMatch(/10\.1\.2\.3|main\.ts|127\.0\.0\.1/);
      expect(refusal?.reason).not.toBe(Reason.CANCELLED);
    },
  );
});

describe('another tenant', () => {
  let other: Weir;

  beforeAll(async () => {
    const { secret, consistencyToken } = await weir.client.admin.createTenant({ name: 'other' });
    other = withKey(secret);
    await weir.client.fetch(['DocChunk/x'], { consistencyToken });
  });

  afterAll(() => other.close());

  test('forbidden-or-missing: another tenant sees nothing by name, key or id', async () => {
    const refs = ['SQLSchema/weir', { type: 'SQLSchema', key: 'weir', provider: 'sql' }];
    const outcomes = await other.fetch(refs);
    expect(outcomes.map((outcome) => outcome.ok)).toEqual([false, false]);
    expect((await other.listPage({})).entries).toEqual([]);
    expect((await other.registry.listProviders({})).providers).toEqual([]);
    const { providers } = await weir.client.registry.listProviders({});
    const endpointId = providers.flatMap(({ endpoints }) => endpoints)[0]?.id ?? '';
    await expect(other.registry.deregisterEndpoint({ endpointId })).rejects.toThrow(/no endpoint/);
    const beat = await other.registry.heartbeat({ endpointIds: [endpointId] });
    expect(beat.unknownEndpointIds).toEqual([endpointId]);
    const id = weir.weir.key.split('_')[1] ?? '';
    await expect(other.admin.revokeKey({ id })).rejects.toThrow(/no key/);
  });

  test('stolen-cursor: another tenant cannot go on with page tokens', async () => {
    const { nextPageToken: pageToken } = await weir.client.listPage({ pageSize: 1 });
    await expect(other.listPage({ pageSize: 1, pageToken })).rejects.toThrow(/another request/);
    const types = await weir.client.registry.listTypes({ pageSize: 1 });
    const stolen = { pageSize: 1, pageToken: types.nextPageToken };
    await expect(other.registry.listTypes(stolen)).rejects.toThrow(/page_token/);
  });

  test.each([
    ['a tenant that is not its own', { tenant: 'default', principal: 'admin' }],
    ['a tenant that is not there', { tenant: 'nobody', principal: 'admin' }],
    ['scopes it does not have', { principal: 'me', scopes: [Scope.PLATFORM] }],
  ])('credential-input: creates no key for %s', async (_, request) => {
    await expect(other.admin.createKey(request)).rejects.toThrow(/SCOPE_MISSING/);
  });
});
