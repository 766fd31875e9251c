import { create, toBinary, toJson } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import { ContextTypeSchema, ProviderSchema } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { FetchContextRequestSchema } from '@weir/sdk/gen/weir/router/v1/router_pb';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { anyText, changed, changedBytes, changedText } from './bad-input/arbitraries.ts';
import { type FrameForm, openFrame, sendFrame } from './bad-input/frames.ts';
import { type Clients, clientsOver, type Input, sendRpc } from './bad-input/surfaces.ts';
import { frame, sendBytes, type WireName, wires } from './bad-input/wire.ts';
import { openTestWeir, type TestWeir } from './weir.ts';

// Input that nobody thought of. The seed stands in the name; WEIR_TEST_SEED sets it.

const seed = Number(process.env.WEIR_TEST_SEED || Date.now() % 2 ** 31);
/** How often each property is tried; those that write take longer. */
const RUNS = 120;
const WRITING_RUNS = 50;

vi.setConfig({ testTimeout: 600_000 });

let weir: TestWeir;
let clients: Clients;

beforeAll(async () => {
  weir = await openTestWeir();
  clients = clientsOver('gRPC', target());
});

afterAll(() => weir[Symbol.asyncDispose]());

const target = () => ({ url: weir.weir.url, key: weir.weir.key });
const detail = /\bat .*\.(ts|js|mjs):\d|node:internal|call stack|127\.0\.0\.1:\d/;
/** What no terminal and no log should be sent. */
const control = /[^\P{Cc}\n]|\p{Bidi_Control}/u;

/** Whether one of the messages that gRPC finds in a body is said to be compressed. */
function saysCompressed(body: Buffer): boolean {
  for (let at = 0; at < body.length; at += 5 + body.readUInt32BE(at + 1)) {
    if (((body[at] ?? 0) & 1) === 1) return true;
    if (at + 5 > body.length) return false;
  }
  return false;
}

/** Checks a property with the seed. */
async function holds<T>(
  arbitrary: fc.Arbitrary<T>,
  check: (value: T) => Promise<void>,
  numRuns = RUNS,
) {
  await fc.assert(fc.asyncProperty(arbitrary, check), { seed, numRuns });
}

/** An answer of Connect with JSON, however the request was written. */
async function postJson(body: string) {
  const answer = await fetch(`${weir.weir.url}/weir.router.v1.RouterService/FetchContext`, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json', authorization: `Bearer ${weir.weir.key}` },
  });
  return { status: answer.status, json: (await answer.json()) as Record<string, unknown> };
}

describe(`with WEIR_TEST_SEED=${seed}`, () => {
  const anyRef = fc.record(
    {
      type: fc.oneof(fc.constantFrom('DocChunk', 'SQLSchema', 'LogLine'), anyText),
      key: fc.oneof(fc.constantFrom('README.md', 'weir'), anyText),
      versionRange: fc.oneof(fc.constantFrom('', '*', '^1', '>=1 <3'), anyText),
      provider: fc.oneof(fc.constantFrom('', 'docs', 'sql'), anyText),
    },
    { requiredKeys: ['type', 'key'] },
  );

  test('every ref gets exactly one result, or the call is refused with the place', async () => {
    await holds(fc.array(anyRef, { minLength: 1, maxLength: 12 }), async (refs) => {
      const { status, json } = await postJson(JSON.stringify({ refs }));
      if (status === 200) {
        const results = json.results as { index?: number; item?: object; refusal?: object }[];
        expect(results.map(({ index = 0 }) => index)).toEqual(refs.map((_, index) => index));
        for (const { item, refusal } of results) expect(item === undefined).toBe(!!refusal);
        const texts = JSON.stringify(results.map(({ refusal }) => refusal ?? null));
        expect(JSON.parse(texts).join()).not.toMatch(detail);
      } else {
        expect(status).toBe(400);
        expect(json.code).toBe('invalid_argument');
        // What is no text at all, the protocol refuses; everything else names its ref.
        const malformed = refs.some((ref) => !Object.values(ref).join('').isWellFormed());
        if (!malformed) expect(json.message).toMatch(/^refs\[\d+\]\.\w+: /);
        expect(json.message).not.toMatch(control);
      }
    });
  });

  const goodProvider = {
    name: 'fuzzed',
    version: '1.0.0',
    title: 'A provider',
    tags: ['a', 'b'],
    weight: 10,
    timeout: '5s',
    contexts: [
      { type: 'DocChunk', version: '1.0.0', ttl: '60s', keyPrefix: 'a/', scope: 'principal' },
      { type: 'SQLSchema', version: '1.0.0', listable: true },
    ],
    endpoints: [{ url: 'http://localhost:9', weight: 5 }],
    authentication: { bearer: 'secret://x' },
  };
  const goodType = {
    name: 'Fuzzed',
    version: '1.0.0',
    compatibility: 'backward',
    schema: {
      type: 'object',
      properties: { id: { type: 'string', pattern: '^[a-z]+$' }, n: { $ref: '#/$defs/n' } },
      required: ['id'],
      $defs: { n: { anyOf: [{ type: 'integer', minimum: 0 }, { type: 'null' }] } },
    },
  };
  const yaml = (manifest: object) =>
    Object.entries(manifest)
      .map(([name, value]) => `${name}: ${JSON.stringify(value)}`)
      .join('\n');
  const documents = (good: object) =>
    fc.oneof(
      changed(good).map((tree) => JSON.stringify(tree) ?? 'null'),
      changedText(JSON.stringify(good, undefined, 1)),
      changedText(yaml(good)),
    );

  const reasons = /^REASON_(INVALID_MANIFEST|INVALID_SCHEMA|INCOMPATIBLE|ALREADY_EXISTS|BUILT_IN)$/;
  async function expectRefused(input: Input) {
    const refused = await sendRpc(clients, input);
    expect(refused?.reason).toMatch(reasons);
    expect(refused?.text).not.toMatch(detail);
    expect(refused?.text).not.toMatch(control);
  }

  test('a provider manifest is stored whole, or refused with a place', async () => {
    const stored = async () => {
      const { providers } = await clients.registry.listProviders({ pageSize: 500 });
      return providers.filter(({ manifest }) => manifest?.owner !== 'weir').length;
    };
    await holds(
      documents(goodProvider),
      async (document) => {
        const before = await stored();
        const source = { case: 'document' as const, value: document };
        const answer = await clients.registry.registerProvider({ source }).catch(() => undefined);
        const { name = '', version = '' } = answer?.provider?.manifest ?? {};
        if (answer?.provider) {
          const { provider } = await clients.registry.getProvider({ name, version });
          expect(provider).toBeDefined();
          const manifests = [answer.provider, provider].map((one) => one?.manifest);
          expect(manifests[1]).toEqual(manifests[0]);
          expect(() => toJson(ProviderSchema, answer.provider as never)).not.toThrow();
          const again = await clients.registry.registerProvider({ source });
          expect(again.provider?.manifestHash).toBe(answer.provider.manifestHash);
          await clients.registry.deregisterProvider({ name, version });
        } else {
          await expectRefused({ kind: 'provider', document });
        }
        expect(await stored()).toBe(before);
      },
      WRITING_RUNS,
    );
  });

  test('a type is published whole, or refused with a place', async () => {
    await holds(
      documents(goodType),
      async (document) => {
        const source = { case: 'document' as const, value: document };
        const answer = await clients.registry.publishType({ source }).catch(() => undefined);
        if (!answer?.type) return expectRefused({ kind: 'type', document });
        const { name = '', version = '' } = answer.type.manifest ?? {};
        const { type } = await clients.registry.getType({ name, version });
        expect(type?.manifest).toEqual(answer.type.manifest);
        expect(() => toJson(ContextTypeSchema, answer.type as never)).not.toThrow();
        await clients.registry.deregisterType({ name, version });
      },
      WRITING_RUNS,
    );
  });

  const message = create(FetchContextRequestSchema, {
    refs: [{ type: 'DocChunk', key: 'README.md', versionRange: '^1' }],
    maxAge: { seconds: 5n, nanos: 5 },
    minQuality: 0.5,
    consistencyToken: 'x',
  });
  const bodies: Record<WireName, Uint8Array> = {
    gRPC: frame(toBinary(FetchContextRequestSchema, message)),
    'gRPC-Web': frame(toBinary(FetchContextRequestSchema, message)),
    'Connect binary': toBinary(FetchContextRequestSchema, message),
    'Connect JSON': Buffer.from(JSON.stringify(toJson(FetchContextRequestSchema, message))),
  };

  test.each(Object.keys(wires) as WireName[])('bytes over %s are answered', async (name) => {
    await holds(changedBytes(bodies[name]), async (body) => {
      const answer = await sendBytes(target(), name, { body });
      // What is compressed with nothing is INTERNAL, by the protocol of gRPC.
      const mayBe = name.startsWith('gRPC') && saysCompressed(body);
      if (!mayBe) expect(answer.code).not.toBe('Internal');
      expect(answer.status).toBeLessThan(500);
      expect(answer.text).not.toMatch(detail);
    });
    const { results } = await clients.router.fetchContext({
      refs: [{ type: 'DocChunk', key: 'README.md' }],
    });
    expect(results).toHaveLength(1);
  });

  /** What closes a connection: bytes of the wrong kind, a frame that is none, a call of no number. */
  const closes = [1002, 1003, 1007, 1008];

  test('frames over a WebSocket are answered, or close their connection', async () => {
    const forms: readonly FrameForm[] = ['weir.v1.proto', 'weir.v1.json'];
    for (const form of forms) {
      const good = openFrame(form, target());
      const frames: fc.Arbitrary<string | Uint8Array<ArrayBuffer>> =
        typeof good === 'string'
          ? changedText(good).map((text) => text.toWellFormed())
          : changedBytes(good).map((bytes) => new Uint8Array(bytes));
      await holds(frames, async (changedFrame) => {
        const { next, others, closed } = await sendFrame(target(), form, changedFrame);
        if (closed === undefined) expect(next).toMatchObject({ code: 0 });
        else expect(closes).toContain(closed);
        for (const { code, text } of others) {
          expect(code).not.toBe(Code.Internal);
          expect(text).not.toMatch(detail);
        }
      });
    }
  });

  test('messages over a WebSocket are answered, and close nothing', async () => {
    const good = bodies['Connect binary'];
    await holds(changedBytes(good), async (bytes) => {
      const opened = openFrame('weir.v1.proto', target(), { message: bytes });
      const { next, others } = await sendFrame(target(), 'weir.v1.proto', opened);
      expect(next).toMatchObject({ code: 0 });
      for (const { code, text } of others) {
        expect(code).not.toBe(Code.Internal);
        expect(text).not.toMatch(detail);
      }
    });
  });

  test('tokens are those that were given, or refused', async () => {
    const { nextPageToken } = await clients.registry.listTypes({ pageSize: 1 });
    const list = await clients.router.listContext({ pageSize: 1 });
    const { secret: _, consistencyToken } = await clients.admin.createKey({ principal: 'fuzz' });
    const refs = [{ type: 'DocChunk', key: 'README.md' }];
    const asks = [
      [
        nextPageToken,
        (pageToken: string) => clients.registry.listTypes({ pageSize: 1, pageToken }),
        'INVALID_PAGE',
      ],
      [
        list.nextPageToken,
        (pageToken: string) => clients.router.listContext({ pageSize: 1, pageToken }),
        'INVALID_PAGE',
      ],
      [
        consistencyToken,
        (token: string) => clients.router.fetchContext({ refs, consistencyToken: token }),
        'INVALID_CONSISTENCY_TOKEN',
      ],
    ] as const;
    for (const [good, ask, reason] of asks) {
      expect(good).not.toBe('');
      await holds(
        changedText(good).map((text) => text.toWellFormed()),
        async (token) => {
          const refused = await sendRpc(clients, { kind: 'call', send: () => ask(token) });
          if (refused) expect(refused.reason).toBe(`REASON_${reason}`);
        },
      );
    }
  });
});
