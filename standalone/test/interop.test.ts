import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bundledPage } from './bundled-page.ts';
import { openTestWeir, type TestWeir, until } from './weir.ts';

// Clients that are not ours, on the one port.

const root = dirname(dirname(import.meta.dirname));
const run = promisify(execFile);
let weir: TestWeir;

beforeAll(async () => {
  weir = await openTestWeir({ WEIR_CORS_ORIGINS: '*' });
  await until(
    async () => (await weir.client.fetch(['SQLSchema/weir']))[0]?.ok === true,
    'the schema is served',
  );
  await until(async () => {
    const [missing] = await weir.client.fetch(['DocChunk/nothing']);
    return missing?.ok === false && missing.refusal.reason === Reason.KEY_NOT_FOUND;
  }, 'documents are served');
});

afterAll(() => weir[Symbol.asyncDispose]());

type Callback = (error: grpc.ServiceError | null, response: Record<string, unknown>) => void;
type LoadedClient = grpc.Client &
  Record<string, (request: object, metadata: grpc.Metadata, done: Callback) => void>;

describe('@grpc/grpc-js with stubs from the protos', () => {
  function openClient(): { client: LoadedClient; metadata: grpc.Metadata } {
    const loaded = grpc.loadPackageDefinition(
      loadSync('weir/router/v1/router.proto', {
        includeDirs: [join(root, 'proto')],
        defaults: true,
        oneofs: true,
        enums: String,
      }),
    );
    const at = ['weir', 'router', 'v1', 'RouterService'];
    const Client = at.reduce<unknown>((o, name) => (o as Record<string, unknown>)[name], loaded);
    const { host } = new URL(weir.weir.url);
    const client = new (Client as grpc.ServiceClientConstructor)(
      host,
      grpc.credentials.createInsecure(),
    ) as unknown as LoadedClient;
    const metadata = new grpc.Metadata();
    metadata.set('authorization', `Bearer ${weir.weir.key}`);
    return { client, metadata };
  }

  test('fetches a batch', async () => {
    const { client, metadata } = openClient();
    const refs = [
      { type: 'SQLSchema', key: 'weir' },
      { type: 'DocChunk', key: 'nothing' },
    ];
    const answer = await new Promise<Record<string, unknown>>((resolve, reject) => {
      client.FetchContext?.({ refs }, metadata, (error, response) =>
        error ? reject(error) : resolve(response),
      );
    });
    expect(answer.results).toMatchObject([
      { index: 0, outcome: 'item', item: { contentType: 'application/json' } },
      { index: 1, outcome: 'refusal', refusal: { reason: 'REASON_KEY_NOT_FOUND', code: 5 } },
    ]);
    client.close();
  });

  test('is refused without a key, with the status and the details of the field', async () => {
    const { client } = openClient();
    const error = await new Promise<grpc.ServiceError | null>((resolve) => {
      client.FetchContext?.({ refs: [] }, new grpc.Metadata(), (refused) => resolve(refused));
    });
    expect(error?.code).toBe(grpc.status.UNAUTHENTICATED);
    expect(error?.metadata.get('grpc-status-details-bin')).toHaveLength(1);
    client.close();
  });
});

describe('buf curl, with no file at hand', () => {
  const curl = async (protocol: string, ...args: string[]) => {
    const { url, key } = weir.weir;
    const header = ['--header', `authorization: Bearer ${key}`];
    const http = protocol === 'connect' ? [] : ['--http2-prior-knowledge'];
    const command = ['curl', '--protocol', protocol, ...http, ...header, ...args];
    const at = command.map((arg) => arg.replace(/^\/(?=weir\.)/, `${url}/`).replace(/^\/$/, url));
    return (await run(join(root, 'node_modules/.bin/buf'), at, { cwd: '/' })).stdout;
  };

  test.each(['grpc', 'grpcweb', 'connect'])(
    'lists the services and calls them by %s',
    async (p) => {
      const { url } = weir.weir;
      const prior = ['--http2-prior-knowledge'];
      const listed = await run(
        join(root, 'node_modules/.bin/buf'),
        ['curl', '--protocol', 'grpc', ...prior, '--list-methods', url],
        { cwd: '/' },
      );
      expect(listed.stdout.split('\n')).toContain('weir.router.v1.RouterService/FetchContext');
      expect(listed.stdout.split('\n')).toContain('weir.registry.v1.RegistryService/ListTypes');
      const reflect = ['--reflect', ...(p === 'connect' ? prior : [])];
      const data = ['--data', '{"refs":[{"type":"SQLSchema","key":"weir"}]}'];
      const answer = await curl(
        p,
        ...reflect,
        ...data,
        '/weir.router.v1.RouterService/FetchContext',
      );
      expect(JSON.parse(answer).results[0].item.provenance.provider).toBe('sql');
    },
  );

  test('calls every unary method: each answers, or refuses with a reason of ours', async () => {
    const { url } = weir.weir;
    const { stdout } = await run(
      join(root, 'node_modules/.bin/buf'),
      ['curl', '--protocol', 'grpc', '--http2-prior-knowledge', '--list-methods', url],
      { cwd: '/' },
    );
    const methods = stdout.split('\n').filter((line) => line.startsWith('weir.'));
    expect(methods.length).toBeGreaterThan(25);
    for (const method of methods) {
      const answer = await curl('grpc', '--data', '{}', `/${method}`).catch(
        (error: { stderr: string }) => error.stderr,
      );
      expect(answer, method).toMatch(/^\s*\{/);
      expect(answer, method).not.toMatch(/"code": "(unimplemented|internal|unknown)"/);
    }
  }, 120_000);
});

describe('Connect with JSON, by plain HTTP/1.1', () => {
  test('fetches', async () => {
    const response = await fetch(`${weir.weir.url}/weir.router.v1.RouterService/FetchContext`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: `Bearer ${weir.weir.key}`,
      },
      body: JSON.stringify({ refs: [{ type: 'SQLSchema', key: 'weir' }] }),
    });
    expect(response.status).toBe(200);
    const answer = (await response.json()) as { results: { item: { payload: string } }[] };
    const payload = Buffer.from(answer.results[0]?.item.payload ?? '', 'base64').toString();
    expect(JSON.parse(payload)).toMatchObject({ name: 'weir' });
  });
});

const executablePath = process.env.WEIR_TEST_CHROMIUM ?? '';

// Skipped without the path of a browser: npm cannot bring one.
describe.skipIf(executablePath === '')('a page in Chromium, of another origin', () => {
  test.each(['grpc-web', 'connect', 'websocket'])(
    'fetches, streams and subscribes by %s',
    async (protocol) => {
      const page = await bundlePage();
      const server = createServer((_, response) =>
        response.setHeader('content-type', 'text/html').end(page),
      );
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
      try {
        const tab = await browser.newPage();
        await tab.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
        const seen = await tab.evaluate(
          (options) =>
            (globalThis as unknown as { run: (o: object) => Promise<unknown> }).run(options),
          { url: weir.weir.url, key: weir.weir.key, protocol },
        );
        expect(seen).toEqual({
          schema: 'weir',
          refused: 'REASON_KEY_NOT_FOUND',
          streamed: 2,
          event: `published by ${protocol}`,
          nobody: 'REASON_CREDENTIAL_INVALID',
        });
      } finally {
        await browser.close();
        server.close();
      }
    },
  );
});

/** A page that does what a web application does with the SDK, as one file. */
async function bundlePage(): Promise<string> {
  const script = `
    import { createWeir } from '@weir/sdk';
    import { ReasonSchema } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
    const nameOf = (reason) => ReasonSchema.value[reason].name;
    globalThis.run = async ({ url, key, protocol }) => {
      const weir = createWeir({ url, key, protocol });
      const [schema, missing] = await weir.fetch(['SQLSchema/weir', 'DocChunk/nothing']);
      let streamed = 0;
      for await (const one of weir.stream(['SQLSchema/weir', 'DocChunk/nothing'])) streamed += 1;
      await weir.publish('tab.' + protocol, { key: 'published by ' + protocol });
      let event;
      for await (const { key: named } of weir.subscribe('tab.' + protocol, { from: 'earliest' })) {
        event = named;
        break;
      }
      const nobody = createWeir({ url, key: 'weir_x', protocol, retries: 0 });
      const error = await nobody.fetch(['SQLSchema/weir']).catch((refused) => refused);
      return {
        schema: schema.item.value.name,
        refused: nameOf(missing.refusal.reason),
        streamed,
        event,
        nobody: nameOf(error.reason),
      };
    };`;
  return bundledPage(script);
}
