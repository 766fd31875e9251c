import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Code, type ConnectError, createClient, type Interceptor } from '@connectrpc/connect';
import { connectNodeAdapter, createGrpcTransport } from '@connectrpc/connect-node';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type RunningWeir, startWeir } from '../weir.ts';

// Clients and providers that were generated from a released contract still work with the Weir of
// today: with the stubs alone, as people have them in their programs. `npm run contract:keep` adds the
// contract of a release.

vi.setConfig({ testTimeout: 60_000, hookTimeout: 180_000 });

const folder = import.meta.dirname;
const root = join(folder, '../../..');
const contracts = readdirSync(folder).filter((name) => name.endsWith('.binpb'));
const run = promisify(execFile);

let weir: RunningWeir;

beforeAll(async () => {
  weir = await startWeir();
});

afterAll(() => weir?.[Symbol.asyncDispose]());

test('there is a contract to be compatible with', () => {
  expect(contracts.length).toBeGreaterThan(0);
});

describe.each(contracts)('%s', (contract) => {
  let stubs: Stubs;
  let generated: string;

  beforeAll(async () => {
    await mkdir(join(folder, 'gen'), { recursive: true });
    generated = await mkdtemp(join(folder, 'gen/stubs-'));
    const plugin = {
      local: join(root, 'node_modules/.bin/protoc-gen-es'),
      out: generated,
      opt: ['target=ts', 'import_extension=ts', 'erasable_syntax=true'],
    };
    const template = JSON.stringify({ version: 'v2', plugins: [plugin] });
    const buf = join(root, 'node_modules/.bin/buf');
    await run(buf, ['generate', join(folder, contract), '--template', template], { cwd: root });
    stubs = await readStubs(generated);
  });

  afterAll(() => rm(generated, { recursive: true, force: true }));

  const transport = () =>
    createGrpcTransport({ baseUrl: weir.url, interceptors: [withKey(weir.key)] });

  test('nothing that it has was taken away or changed', async () => {
    const against = ['--against', join(folder, contract)];
    await run(join(root, 'node_modules/.bin/buf'), ['breaking', 'proto', ...against], {
      cwd: root,
    });
  });

  test('a consumer fetches, streams, lists and asks why', async () => {
    const router = createClient(stubs.router.RouterService, transport());
    const refs = [
      { type: 'SQLSchema', key: 'weir' },
      { type: 'DocChunk', key: 'nowhere' },
    ];
    const { results } = await router.fetchContext({ refs });
    expect(results.map(({ outcome }) => outcome.case)).toEqual(['item', 'refusal']);
    const streamed: string[] = [];
    for await (const { result } of router.streamContext({ fetch: { refs } })) {
      streamed.push(result?.outcome.case ?? '');
    }
    expect(streamed.sort()).toEqual(['item', 'refusal']);
    expect((await router.listContext({ type: 'SQLSchema' })).entries).not.toEqual([]);
    expect((await router.explain({ fetch: { refs } })).explanations).toHaveLength(2);
  });

  test('errors have their codes and details', async () => {
    const stranger = createGrpcTransport({ baseUrl: weir.url, interceptors: [withKey('weir_x')] });
    const calls = [
      createClient(stubs.router.RouterService, stranger).fetchContext({ refs: [] }),
      createClient(stubs.router.RouterService, transport()).fetchContext({ refs: [] }),
    ];
    const errors = (await Promise.allSettled(calls)).map(
      (each) => (each as PromiseRejectedResult).reason as ConnectError,
    );
    expect(errors.map(({ code }) => code)).toEqual([Code.Unauthenticated, Code.InvalidArgument]);
    const details = errors.map((error) => error.findDetails(stubs.errors.ErrorInfoSchema)[0]);
    expect(details).toMatchObject([{ domain: 'weir' }, { reason: 'REASON_BATCH_EMPTY' }]);
  });

  test('events are published, subscribed to, pulled and acknowledged', async () => {
    const events = createClient(stubs.events.EventService, transport());
    const topic = `old.${contract.replaceAll(/\W/g, '')}`;
    const { ids } = await events.publish({ events: [{ topic, key: 'k' }] });
    expect(ids).toHaveLength(1);
    const start = stubs.events.Start.EARLIEST;
    for await (const message of events.subscribe({ topics: [topic], start })) {
      if (message.events.length === 0) continue;
      expect(message.events[0]?.event).toMatchObject({ topic, key: 'k' });
      break;
    }
    const pulled = await events.pull({ group: topic, topics: [topic], start });
    expect(pulled.events).toHaveLength(1);
    const ackIds = pulled.events.map(({ ackId }) => ackId);
    await events.ack({ group: topic, ackIds });
    expect((await events.pull({ group: topic })).events).toEqual([]);
  });

  test('a provider registers, answers, and its operation is called', async () => {
    const service = {
      describe: () => ({ name: 'old', version: '1.0.0' }),
      async *fetch({ queries }: { queries: readonly { key: string }[] }) {
        for (const [index, { key }] of queries.entries()) {
          const payload = new TextEncoder().encode(JSON.stringify({ key }));
          yield { results: [{ index, outcome: { case: 'content', value: { payload } } }] };
        }
      },
      async *call() {
        const content = { payload: new TextEncoder().encode('"done"') };
        yield { message: { case: 'result', value: { content } } };
      },
    };
    const server = createServer(
      connectNodeAdapter({
        routes: (each) => each.service(stubs.provider.ProviderService, service as never),
      }),
    ).listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      const registry = createClient(stubs.registry.RegistryService, transport());
      const manifest = {
        name: 'old',
        version: '1.0.0',
        contexts: [{ type: 'Resource', version: '1.0.0', keyPrefix: 'old/' }],
        operations: [{ name: 'act' }],
      };
      await registry.registerProvider({ source: { case: 'manifest', value: manifest } });
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const endpoint = { provider: 'old', version: '1.0.0', endpoint: { url } };
      const { endpoint: registered } = await registry.registerEndpoint(endpoint);
      await registry.heartbeat({ endpointIds: [registered?.id ?? ''] });

      const router = createClient(stubs.router.RouterService, transport());
      const refs = [{ type: 'Resource', key: 'old/1', provider: 'old' }];
      const [result] = (await router.fetchContext({ refs })).results;
      expect(result?.outcome.case).toBe('item');
      const tools = createClient(stubs.tools.ToolService, transport());
      const messages: unknown[] = [];
      for await (const { message } of tools.callTool({ tool: 'old__act' })) messages.push(message);
      expect(messages).toMatchObject([{ case: 'result', value: { isError: false } }]);
    } finally {
      server.close();
    }
  });
});

type Stubs = Awaited<ReturnType<typeof readStubs>>;

/** The stubs of a contract; typed as today's, which breaks nothing that they had. */
async function readStubs(at: string) {
  const read = (name: string) => import(join(at, `${name}_pb.ts`));
  return {
    router: (await read(
      'weir/router/v1/router',
    )) as typeof import('@weir/sdk/gen/weir/router/v1/router_pb'),
    events: (await read(
      'weir/events/v1/events',
    )) as typeof import('@weir/sdk/gen/weir/events/v1/events_pb'),
    registry: (await read(
      'weir/registry/v1/registry',
    )) as typeof import('@weir/sdk/gen/weir/registry/v1/registry_pb'),
    provider: (await read(
      'weir/provider/v1/provider',
    )) as typeof import('@weir/sdk/gen/weir/provider/v1/provider_pb'),
    tools: (await read(
      'weir/tools/v1/tools',
    )) as typeof import('@weir/sdk/gen/weir/tools/v1/tools_pb'),
    errors: (await read(
      'google/rpc/error_details',
    )) as typeof import('@weir/sdk/gen/google/rpc/error_details_pb'),
  };
}

function withKey(key: string): Interceptor {
  return (next) => (request) => {
    request.header.set('authorization', `Bearer ${key}`);
    return next(request);
  };
}
