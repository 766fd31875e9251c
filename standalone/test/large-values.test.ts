import { createHash, randomBytes } from 'node:crypto';
import { open, readdir, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createServer as createHttp2 } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { makeBucket, s3KeyFile, s3Url } from '@weir/router/testing/s3';
import { Code, createWeir, Reason, reasonName, type Weir, type WeirCallError } from '@weir/sdk';
import {
  FetchResponseSchema,
  type FetchResultSchema,
  ProviderService,
} from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import { defineContext, defineProvider, serveProvider } from '@weir/sdk/provider';
import { chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { bundledPage } from './bundled-page.ts';
import { openTestWeir, type TestWeir, until } from './weir.ts';

// They move much, perhaps on a busy machine.
vi.setConfig({ testTimeout: 120_000 });

const MIB = 1024 * 1024;
/** As a setting has it; small, so that the tests stay quick. */
const BLOB_MAX_BYTES = 64 * MIB;

let weir: TestWeir;
let client: Weir;
const stack = new AsyncDisposableStack();

beforeAll(async () => {
  weir = stack.use(
    await openTestWeir({
      WEIR_BLOB_MAX_BYTES: '64MiB',
      WEIR_BLOB_STORE_MAX_BYTES: '200MiB',
      WEIR_CORS_ORIGINS: '*',
    }),
  );
  client = createWeir({ url: weir.weir.url, key: weir.weir.key, timeoutMs: 60_000 });
  stack.defer(() => client.close());
});

afterAll(() => stack.disposeAsync());

const BROWSER_BYTES = 5 * MIB;

const bytesOf = (sizeBytes: number) => Buffer.alloc(sizeBytes, randomBytes(1_000_003));
const hashOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

describe('a provider of large values', () => {
  const large = bytesOf(4.5 * MIB + 7);
  const text = 'Grüße '.repeat(600_000);
  const list = Array.from({ length: 350_000 }, (_, i) => `line ${i}`);
  let streamed = 0;
  async function* stream(sizeBytes: number) {
    for (let from = 0; from < sizeBytes; from += 100_000) {
      streamed += 1;
      yield large.subarray(from, Math.min(sizeBytes, from + 100_000));
    }
  }
  const answers: Record<string, () => object> = {
    small: () => ({ value: 'small' }),
    bytes: () => ({ value: large, contentType: 'application/pdf' }),
    text: () => ({ value: text }),
    json: () => ({ value: list }),
    stream: () => ({ value: stream(large.length), sizeBytes: large.length }),
    web: () => ({ value: ReadableStream.from(stream(large.length)), sizeBytes: large.length }),
    'small stream': () => ({ value: stream(1_000), sizeBytes: 1_000 }),
    'empty stream': () => ({ value: stream(0), sizeBytes: 0 }),
    'short stream': () => ({ value: stream(large.length - 1), sizeBytes: large.length }),
    'long stream': () => ({ value: stream(large.length), sizeBytes: large.length - 1 }),
    browser: () => ({ value: Buffer.alloc(BROWSER_BYTES, 7) }),
    'too large': () => ({ value: stream(large.length), sizeBytes: BLOB_MAX_BYTES + 1 }),
  };

  beforeAll(async () => {
    const blob = defineContext<unknown>({
      type: 'Blob',
      version: '1.0.0',
      schema: {},
      ttlMs: 60_000,
      fetch: ({ key }) => answers[key]?.() as { value: unknown } | undefined,
    });
    const provider = defineProvider({
      name: 'blobs',
      version: '1.0.0',
      timeoutMs: 60_000,
      contexts: [blob],
    });
    const { url } = weir.weir;
    stack.use(await serveProvider(provider, { url, key: weir.weir.key, onEvent: () => {} }));
    await until(
      async () => (await client.fetch(['Blob/small']))[0]?.ok === true,
      'the provider answers',
    );
  });

  test('the item follows its link by itself, as get, fetch and stream', async () => {
    const got = await client.get('Blob', 'bytes');
    expect(hashOf(got.bytes)).toBe(hashOf(large));
    expect(got).toMatchObject({ contentType: 'application/pdf', sizeBytes: large.length });
    const keys = ['small', 'bytes', 'text', 'json', 'stream', 'web'];
    const refs = keys.map((key) => `Blob/${key}`);
    const fetched = await client.fetch(refs);
    const values = fetched.map((one) => (one.ok ? one.item.value : one.refusal.text));
    expect(values[0]).toBe('small');
    expect(hashOf(values[1] as Uint8Array)).toBe(hashOf(large));
    expect(values[2]).toBe(text);
    expect(values[3]).toEqual(list);
    expect(hashOf(values[4] as Uint8Array)).toBe(hashOf(large));
    expect(hashOf(values[5] as Uint8Array)).toBe(hashOf(large));
    const seen: string[] = [];
    for await (const one of client.stream(refs.slice(0, 3))) if (one.ok) seen.push(one.ref.key);
    expect(seen[0]).toBe('small');
    expect(seen.sort()).toEqual(keys.slice(0, 3).sort());
  });

  test('streams of few bytes come as any value; streams that lie are refused', async () => {
    const keys = ['small stream', 'empty stream', 'short stream', 'long stream', 'too large'];
    const outcomes = await client.fetch(keys.map((key) => `Blob/${key}`));
    const seen = outcomes.map((one) =>
      one.ok ? [one.item.bytes.length, one.item.url] : [one.refusal.reason],
    );
    expect(seen).toEqual([
      [1_000, undefined],
      [0, undefined],
      [Reason.PROVIDER_FAILED],
      [Reason.PROVIDER_FAILED],
      [Reason.ITEM_TOO_LARGE],
    ]);
  });

  test('a value that is cached is linked anew, and not asked for again', async () => {
    const keep = async () => {
      const [one] = await client.fetch(['Blob/stream'], { links: 'keep' });
      if (!one?.ok) throw new Error(one?.refusal.text);
      return { item: one.item, cache: one.cache };
    };
    await keep();
    const before = streamed;
    const { item, cache } = await keep();
    expect([streamed, cache]).toEqual([before, 'hit-memory']);
    expect(item).toMatchObject({
      value: undefined,
      sha256: hashOf(large),
      sizeBytes: large.length,
    });
    expect(item.url).toMatch(/^\/blobs\/default\/[0-9a-f]{64}\?type=/);
    expect(item.urlExpireTime?.getTime()).toBeGreaterThan(Date.now());
    const pieces: Uint8Array[] = [];
    for await (const piece of client.readValue(item)) pieces.push(piece);
    expect(pieces.length).toBeGreaterThan(1);
    expect(hashOf(Buffer.concat(pieces))).toBe(hashOf(large));
  });

  test('a value whose bytes are gone is fetched anew', async () => {
    const [first] = await client.fetch(['Blob/bytes']);
    expect(first?.ok).toBe(true);
    await rm(join(weir.dataDir, 'blobs', 'default'), { recursive: true });
    const [second] = await client.fetch(['Blob/bytes']);
    expect(second?.ok && [hashOf(second.item.bytes), second.cache]).toEqual([
      hashOf(large),
      'miss',
    ]);
  });

  test('a value above the bound of the caller is refused, and says what to do', async () => {
    const [one] = await client.fetch(['Blob/bytes'], { maxValueBytes: MIB });
    expect(one?.ok === false && one.refusal).toMatchObject({
      code: Code.ResourceExhausted,
      reason: Reason.ITEM_TOO_LARGE,
      text: `the value has ${large.length} bytes, and at most ${MIB} are read: raise maxValueBytes, or fetch it with links: 'keep' and read it with readValue`,
    });
  });

  test('bytes that are not those announced are told, and never returned', async () => {
    const [one] = await client.fetch(['Blob/bytes'], { links: 'keep' });
    if (!one?.ok) throw new Error('it is there');
    const { sha256 = '' } = one.item;
    const path = join(weir.dataDir, 'blobs', 'default', sha256.slice(0, 2), sha256);
    const file = await open(path, 'r+');
    await file.write(Buffer.from('other bytes'), 0, 11, 2 * MIB);
    await file.close();
    const read = async (item: typeof one.item) => {
      for await (const _ of client.readValue(item));
    };
    const error = (await read(one.item).catch((thrown) => thrown)) as WeirCallError;
    expect([error.code, error.text]).toEqual([
      Code.DataLoss,
      'the value at the link does not have the hash announced',
    ]);
    const [followed] = await client.fetch(['Blob/bytes']);
    expect(followed?.ok === false && followed.refusal.code).toBe(Code.DataLoss);
    await rm(path);
  });
});

type Result = NonNullable<MessageInitShape<typeof FetchResultSchema>['outcome']>;
const begin = (totalBytes: number, payload = new Uint8Array(0), more = {}): Result => ({
  case: 'content',
  value: { totalBytes: BigInt(totalBytes), payload, contentType: 'text/plain', ...more },
});
const part = (data: Uint8Array<ArrayBuffer>): Result => ({ case: 'part', value: { data } });
/** The parts of bytes. */
const parts = (bytes: Uint8Array<ArrayBuffer>, partBytes = MIB): Result[] =>
  Array.from({ length: Math.ceil(bytes.length / partBytes) }, (_, i) =>
    part(bytes.subarray(i * partBytes, (i + 1) * partBytes)),
  );

describe('what a provider that does not use the SDK sends', () => {
  const large = bytesOf(4.5 * MIB);
  const half = (bytes: Uint8Array<ArrayBuffer>) => bytes.subarray(0, bytes.length / 2);
  /** The results of each key, one message for each; those of several keys are interleaved. */
  const sent: Record<string, Result[]> = {
    honest: [begin(large.length), ...parts(large)],
    'begun in its content': [
      begin(large.length, half(large)),
      ...parts(large.subarray(large.length / 2)),
    ],
    'in tiny parts': [begin(100), ...parts(large.subarray(0, 100), 3)],
    'whole at once': [begin(4, Buffer.from('four'))],
    'whole above what is carried': [begin(0, large.subarray(0, 4 * MIB))],
    small: [begin(0, Buffer.from('small'))],
    'too long': [begin(large.length - 1), ...parts(large)],
    'too long, small': [begin(3, Buffer.from('four'))],
    'not begun': [part(Buffer.from('x'))],
    'begun twice': [begin(large.length), begin(large.length)],
    'an empty part': [begin(large.length), part(new Uint8Array(0))],
    'a part too large': [begin(large.length), part(large.subarray(0, MIB + 1))],
    'ended by a not found': [begin(large.length), { case: 'notFound', value: {} }],
    'taken back': [
      begin(large.length),
      ...parts(half(large)),
      { case: 'failure', value: { code: 14, text: 'lost it' } },
    ],
    'ends early': [begin(large.length), ...parts(half(large))],
    'ends early, small': [begin(100), part(Buffer.from('x'))],
    'too large': [begin(BLOB_MAX_BYTES + 1), ...parts(half(large))],
    'larger than a number': [{ case: 'content', value: { totalBytes: 2n ** 64n - 1n } }],
    'many labels': [begin(large.length, undefined, { labels: manyLabels() }), ...parts(large)],
  };

  beforeAll(async () => {
    const url = await openRawProvider(sent);
    const { registry } = client;
    const document = JSON.stringify({ name: 'Raw', version: '1.0.0', schema: {} });
    await registry.publishType({ source: { case: 'document', value: document } });
    const contexts = [{ type: 'Raw', version: '1.0.0' }];
    const manifest = { name: 'raw', version: '1.0.0', contexts, timeout: durationFromMs(60_000) };
    await registry.registerProvider({ source: { case: 'manifest', value: manifest } });
    await registry.registerEndpoint({ provider: 'raw', version: '1.0.0', endpoint: { url } });
    await until(
      async () => (await client.fetch(['Raw/small']))[0]?.ok === true,
      'the provider answers',
    );
  });

  test('each value stands alone, in one answer with all others', async () => {
    const keys = Object.keys(sent);
    const outcomes = await client.fetch(keys.map((key) => `Raw/${key}`));
    const seen = Object.fromEntries(
      outcomes.map((one) => [
        one.ref.key,
        one.ok ? hashOf(one.item.bytes) : reasonName(one.refusal.reason),
      ]),
    );
    expect(seen).toEqual({
      honest: hashOf(large),
      'begun in its content': hashOf(large),
      'in tiny parts': hashOf(large.subarray(0, 100)),
      'whole at once': hashOf(Buffer.from('four')),
      'whole above what is carried': hashOf(large.subarray(0, 4 * MIB)),
      small: hashOf(Buffer.from('small')),
      'too long': 'PROVIDER_GARBAGE',
      'too long, small': 'PROVIDER_GARBAGE',
      'not begun': 'PROVIDER_GARBAGE',
      'begun twice': 'PROVIDER_GARBAGE',
      'an empty part': 'PROVIDER_GARBAGE',
      'a part too large': 'PROVIDER_GARBAGE',
      'ended by a not found': 'PROVIDER_GARBAGE',
      'taken back': 'PROVIDER_FAILED',
      'ends early': 'PROVIDER_GARBAGE',
      'ends early, small': 'PROVIDER_GARBAGE',
      'too large': 'ITEM_TOO_LARGE',
      'larger than a number': 'ITEM_TOO_LARGE',
      'many labels': 'PROVIDER_GARBAGE',
    });
  });

  test('nothing of what was not ended is left', async () => {
    expect(await readdir(join(weir.dataDir, 'blobs', '.partial'))).toEqual([]);
  });
});

function manyLabels(): Record<string, string> {
  return Object.fromEntries(Array.from({ length: 1_000 }, (_, i) => [`label${i}`, 'x']));
}

/** A provider that says for each key what it was given; the values go out side by side. */
async function openRawProvider(sent: Record<string, Result[]>): Promise<string> {
  const server = createHttp2(
    connectNodeAdapter({
      routes: (router) =>
        router.service(ProviderService, {
          async *fetch({ queries }) {
            const queues = queries.map(({ key }) => [...(sent[key] ?? [])]);
            while (queues.some((queue) => queue.length > 0)) {
              for (const [index, queue] of queues.entries()) {
                const outcome = queue.shift();
                if (outcome) yield create(FetchResponseSchema, { results: [{ index, outcome }] });
              }
            }
          },
        }),
    }),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stack.defer(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const executablePath = process.env.WEIR_TEST_CHROMIUM ?? '';

// Skipped without the path of a browser: npm cannot bring one.
describe.skipIf(executablePath === '')('a page in Chromium, of another origin', () => {
  // "localhost" is a secure context, where browsers have a digest of their own; the name of a
  // machine is none.
  test.each(['127.0.0.1', 'intranet.example'])(
    'at %s follows links and checks them',
    async (host) => {
      const page = await bundlePage();
      const server = createServer((_, response) =>
        response.setHeader('content-type', 'text/html').end(page),
      );
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const resolver = '--host-resolver-rules=MAP intranet.example 127.0.0.1';
      const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', resolver] });
      try {
        const tab = await browser.newPage();
        await tab.goto(`http://${host}:${(server.address() as AddressInfo).port}/`);
        const seen = await tab.evaluate(
          (options) =>
            (globalThis as unknown as { run: (o: object) => Promise<unknown> }).run(options),
          { url: weir.weir.url, key: weir.weir.key },
        );
        expect(seen).toEqual({
          secure: host === '127.0.0.1',
          sizeBytes: BROWSER_BYTES,
          first: 7,
          streamed: BROWSER_BYTES,
          corrupt: Code.DataLoss,
        });
      } finally {
        await browser.close();
        server.close();
      }
    },
  );
});

/** A page that reads a large value, also piece by piece, and one whose hash is wrong. */
async function bundlePage(): Promise<string> {
  const script = `
    import { createWeir } from '@weir/sdk';
    globalThis.run = async ({ url, key }) => {
      const weir = createWeir({ url, key, timeoutMs: 60_000 });
      const item = await weir.get('Blob', 'browser');
      let streamed = 0;
      for await (const piece of weir.readValue(item.bytes.length > 0 ? { ...item, bytes: new Uint8Array() } : item)) {
        streamed += piece.length;
      }
      const wrong = { ...item, bytes: new Uint8Array(), sha256: '0'.repeat(64) };
      let corrupt = 0;
      try { for await (const piece of weir.readValue(wrong)) void piece; } catch (error) { corrupt = error.code; }
      return { secure: isSecureContext, sizeBytes: item.sizeBytes, first: item.value[0], streamed, corrupt };
    };`;
  return bundledPage(script);
}

// Skipped without a server: .ci/s3 starts one.
describe.skipIf(s3Url === '' || s3KeyFile === '')('with a bucket in place of a folder', () => {
  const large = bytesOf(6 * MIB);
  const blob = defineContext<unknown>({
    type: 'Blob',
    version: '1.0.0',
    schema: {},
    ttlMs: 60_000,
    fetch: ({ key }) => ({ value: key === 'small' ? 'small' : large }),
  });
  // A bucket on a busy machine is slow.
  const timeoutMs = 30_000;
  const provider = defineProvider({ name: 'blobs', version: '1.0.0', timeoutMs, contexts: [blob] });

  beforeAll(makeBucket);

  async function openWith(env: NodeJS.ProcessEnv) {
    await using opened = new AsyncDisposableStack();
    const other = opened.use(await openTestWeir(env));
    const { url, key } = other.weir;
    opened.use(await serveProvider(provider, { url, key, onEvent: () => {} }));
    const read = () => other.client.fetch(['Blob/large', 'Blob/small'], { timeoutMs: 30_000 });
    await until(async () => (await read())[1]?.ok === true, 'the provider answers');
    const owned = opened.move();
    return { read, client: other.client, [Symbol.asyncDispose]: () => owned.disposeAsync() };
  }

  test('links lead to the bucket, and are followed', async () => {
    await using other = await openWith({
      WEIR_BLOB_S3_URL: s3Url,
      WEIR_BLOB_S3_KEY_FILE: s3KeyFile,
    });
    const [one] = await other.read();
    expect(one).toMatchObject({ ok: true });
    expect(one?.ok && hashOf(one.item.bytes)).toBe(hashOf(large));
    expect(one?.ok && one.item.url).toMatch(new URL(s3Url).origin);
    expect(one?.ok && one.item.url).not.toContain('secret');
  });

  test('a bucket that does not exist refuses only what is large', async () => {
    const bucket = new URL(s3Url);
    bucket.pathname = '/no-such-bucket';
    await using other = await openWith({
      WEIR_BLOB_S3_URL: bucket.href,
      WEIR_BLOB_S3_KEY_FILE: s3KeyFile,
    });
    const [refused, small] = await other.read();
    expect(refused?.ok === false && refused.refusal).toMatchObject({
      code: Code.Unavailable,
      reason: Reason.BLOB_STORE_UNAVAILABLE,
      text: 'the bucket of large values does not exist',
      retryDelayMs: 5_000,
    });
    expect(small?.ok).toBe(true);
  });
});
