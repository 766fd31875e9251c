import { once } from 'node:events';
import { connect } from 'node:net';
import { type Client, Code, ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { afterEach, expect, test } from 'vitest';
import { Health } from '../src/gen/health/v1/health_pb.ts';
import { ProviderService } from '../src/gen/weir/provider/v1/provider_pb.ts';
import {
  defineContext,
  defineProvider,
  type ProviderEvent,
  type ServeOptions,
  serveProvider,
} from '../src/provider.ts';
import { type FakeRegistry, key, openFakeRegistry } from './fake-registry.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const hello = defineContext({
  type: 'Greeting',
  version: '1.0.0',
  schema: { type: 'object' },
  fetch: ({ key: name }) => ({ value: { hello: name } }),
});

const provider = defineProvider({ name: 'greeter', version: '1.0.0', contexts: [hello] });

async function openRegistry(port?: number): Promise<FakeRegistry> {
  const registry = await openFakeRegistry(port);
  cleanups.push(() => registry[Symbol.asyncDispose]());
  return registry;
}

function recorder() {
  const events: ProviderEvent[] = [];
  const waiting = new Map<string, () => void>();
  return {
    events,
    kinds: () => events.map((event) => event.kind),
    onEvent(event: ProviderEvent) {
      events.push(event);
      waiting.get(event.kind)?.();
    },
    /** Resolves with the next event of a kind. */
    next: (kind: ProviderEvent['kind']) =>
      new Promise<void>((resolve) => waiting.set(kind, resolve)),
  };
}

async function serve(registry: { url: string }, options: Partial<ServeOptions> = {}) {
  const running = await serveProvider(provider, { url: registry.url, key, ...options });
  cleanups.push(() => running.close());
  return running;
}

function clientOf<Service extends typeof ProviderService | typeof Health>(
  service: Service,
  url: string,
  token?: string,
): Client<Service> {
  const sessionManager = new Http2SessionManager(url);
  cleanups.push(() => sessionManager.abort());
  const transport = createGrpcTransport({
    baseUrl: url,
    sessionManager,
    interceptors: [
      (next) => (request) => {
        if (token) request.header.set('authorization', `Bearer ${token}`);
        return next(request);
      },
    ],
  });
  return createClient(service, transport);
}

async function fetchOne(client: Client<typeof ProviderService>, name: string) {
  for await (const { results } of client.fetch({ queries: [{ type: 'Greeting', key: name }] })) {
    return results[0]?.outcome;
  }
  return undefined;
}

test('a provider publishes, registers, answers over gRPC, and says goodbye', async () => {
  const registry = await openRegistry();
  const { onEvent, kinds } = recorder();
  const running = await serve(registry, { onEvent });
  expect(registry.calls.slice(0, 3)).toEqual([
    'publishType Greeting',
    'registerProvider greeter@1.0.0',
    'registerEndpoint',
  ]);
  expect([...registry.endpoints.values()].map((each) => each.url)).toEqual([running.url]);
  const answer = await fetchOne(clientOf(ProviderService, running.url), 'ann');
  expect(answer?.case === 'content' && new TextDecoder().decode(answer.value.payload)).toBe(
    '{"hello":"ann"}',
  );
  await running.close();
  expect(registry.calls.slice(-2)).toEqual(['drainEndpoint', 'deregisterEndpoint']);
  expect(registry.endpoints.size).toBe(0);
  expect(kinds()).toEqual(['registered', 'draining', 'closed']);
  await running.closed;
});

test('gRPC health is served, and says so when the provider drains', async () => {
  const registry = await openRegistry();
  const running = await serve(registry);
  const health = clientOf(Health, running.url);
  expect(await health.check({})).toMatchObject({ status: 1 });
  expect(await health.check({ service: ProviderService.typeName })).toMatchObject({ status: 1 });
  await expect(health.check({ service: 'other' })).rejects.toMatchObject({ code: Code.NotFound });
  const statuses: number[] = [];
  for await (const { status } of health.watch({})) {
    statuses.push(status);
    if (statuses.length === 1) void running.close();
  }
  expect(statuses).toEqual([1, 2]);
});

test('heartbeats go on, and what was forgotten is registered again, all of it', async () => {
  const registry = await openRegistry();
  const { onEvent, next, kinds } = recorder();
  const running = await serve(registry, { onEvent });
  await registry.called('heartbeat');
  const again = next('reregistered');
  registry.forget();
  await again;
  expect(registry.calls.filter((call) => call !== 'heartbeat')).toEqual([
    'publishType Greeting',
    'registerProvider greeter@1.0.0',
    'registerEndpoint',
  ]);
  expect([...registry.endpoints.values()].map((each) => each.url)).toEqual([running.url]);
  expect(kinds()).toEqual(['registered', 'reregistered']);
});

test('what was deregistered stays so, until somebody registers it again', async () => {
  const registry = await openRegistry();
  const { onEvent, next, kinds } = recorder();
  const running = await serve(registry, { onEvent });
  const deregistered = next('deregistered');
  const removed = registry.deregister('greeter@1.0.0');
  await deregistered;
  expect([...registry.providers.keys()]).toEqual([]);
  const again = next('reregistered');
  registry.providers.set('greeter@1.0.0', removed);
  await again;
  expect([...registry.endpoints.values()].map((each) => each.url)).toEqual([running.url]);
  expect(registry.calls.filter((call) => call.startsWith('registerProvider'))).toHaveLength(1);
  expect(kinds()).toEqual(['registered', 'deregistered', 'reregistered']);
});

test('a heartbeat that fails is told and made good', async () => {
  const registry = await openRegistry();
  const { onEvent, next, kinds } = recorder();
  await serve(registry, { onEvent });
  const recovered = next('heartbeat-recovered');
  registry.fail('heartbeat', new ConnectError('down', Code.Unavailable));
  await recovered;
  expect(kinds()).toEqual(['registered', 'heartbeat-failed', 'heartbeat-recovered']);
});

test('a registry that restarts empty on the same port gets everything again', async () => {
  const first = await openFakeRegistry();
  const { onEvent, next } = recorder();
  await serve(first, { onEvent });
  const failed = next('heartbeat-failed');
  await first[Symbol.asyncDispose]();
  await failed;
  const again = next('reregistered');
  const second = await openRegistry(first.port);
  await again;
  expect([...second.providers.keys()]).toEqual(['greeter@1.0.0']);
});

test('a provider may be there before Weir is', async () => {
  const placeholder = await openFakeRegistry();
  await placeholder[Symbol.asyncDispose]();
  const { onEvent, next, kinds } = recorder();
  const failed = next('register-failed');
  const serving = serve(placeholder, { onEvent });
  await failed;
  await openRegistry(placeholder.port);
  await serving;
  expect(kinds().at(-1)).toBe('registered');
});

test.each([
  ['a faulty manifest', Code.InvalidArgument],
  ['a scope that is missing', Code.PermissionDenied],
])('%s is final, and nothing is left behind', async (_, code) => {
  const registry = await openRegistry();
  registry.fail('registerProvider', new ConnectError('no', code));
  const { onEvent, kinds } = recorder();
  await expect(serve(registry, { onEvent })).rejects.toMatchObject({
    name: 'WeirCallError',
    code,
  });
  expect(registry.calls.at(-1)).toBe('registerProvider greeter@1.0.0 failed');
  expect(kinds()).toEqual(['register-failed', 'closed']);
});

test('a key that is not known is final', async () => {
  const registry = await openRegistry();
  await expect(serve(registry, { key: 'wrong' })).rejects.toMatchObject({
    code: Code.Unauthenticated,
  });
});

test('other content under the same version is replaced only when asked to', async () => {
  const registry = await openRegistry();
  await serve(registry);
  const other = defineProvider({ ...provider, title: 'Another' });
  const options = { url: registry.url, key };
  await expect(serveProvider(other, options)).rejects.toMatchObject({
    code: Code.AlreadyExists,
    text: expect.stringContaining('raise its version, or set `replace`'),
  });
  const running = await serveProvider(other, { ...options, replace: true });
  cleanups.push(() => running.close());
  expect(registry.providers.get('greeter@1.0.0')?.manifest?.title).toBe('Another');
});

test('a provider becomes another while it is served', async () => {
  const registry = await openRegistry();
  const running = await serve(registry);
  await running.update(
    defineProvider({
      ...provider,
      title: 'Another',
      contexts: provider.contexts.map((each) => ({ ...each, fetch: () => ({ value: 'other' }) })),
    }),
  );
  expect(registry.providers.get('greeter@1.0.0')?.manifest?.title).toBe('Another');
  const answer = await fetchOne(clientOf(ProviderService, running.url), 'a');
  expect(answer?.case === 'content' && new TextDecoder().decode(answer.value.payload)).toBe(
    'other',
  );

  await expect(running.update({ ...provider, version: '2.0.0' })).rejects.toThrow(
    'greeter@1.0.0 cannot become greeter@2.0.0',
  );
  registry.fail('updateProvider', new ConnectError('faulty', Code.InvalidArgument));
  await expect(running.update(provider)).rejects.toMatchObject({ code: Code.InvalidArgument });
  const still = await fetchOne(clientOf(ProviderService, running.url), 'a');
  expect(still).toEqual(answer);
});

test('a change that somebody else overtook is made again', async () => {
  const registry = await openRegistry();
  await serve(registry);
  registry.fail('updateProvider', new ConnectError('stale', Code.Aborted));
  const other = defineProvider({ ...provider, title: 'Another' });
  const running = await serveProvider(other, { url: registry.url, key, replace: true });
  cleanups.push(() => running.close());
  expect(registry.providers.get('greeter@1.0.0')?.manifest?.title).toBe('Another');
});

test('routers without the token are refused, health is not', async () => {
  const registry = await openRegistry();
  const running = await serve(registry, { token: 's3cret' });
  await expect(fetchOne(clientOf(ProviderService, running.url), 'a')).rejects.toMatchObject({
    code: Code.Unauthenticated,
  });
  await expect(
    fetchOne(clientOf(ProviderService, running.url, 'wrong'), 'a'),
  ).rejects.toMatchObject({ code: Code.Unauthenticated });
  const answer = await fetchOne(clientOf(ProviderService, running.url, 's3cret'), 'a');
  expect(answer?.case).toBe('content');
  expect(await clientOf(Health, running.url).check({})).toMatchObject({ status: 1 });
});

test('stopping waits for calls under way', async () => {
  const registry = await openRegistry();
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<void>();
  const slow = defineContext({
    type: 'Greeting',
    version: '1.0.0',
    fetch: async () => {
      asked.resolve();
      await answer.promise;
      return { value: 'done' };
    },
  });
  const running = await serveProvider(
    defineProvider({ name: 'slow', version: '1.0.0', contexts: [slow] }),
    { url: registry.url, key },
  );
  const call = fetchOne(clientOf(ProviderService, running.url), 'a');
  await asked.promise;
  const closing = running.close();
  await registry.called('drainEndpoint');
  expect(registry.calls).not.toContain('deregisterEndpoint');
  answer.resolve();
  expect((await call)?.case).toBe('content');
  await closing;
  expect(registry.calls.at(-1)).toBe('deregisterEndpoint');
});

test('calls that outlast the drain are told that the provider stops', async () => {
  const registry = await openRegistry();
  const asked = Promise.withResolvers<void>();
  const stuck = defineContext({
    type: 'Greeting',
    version: '1.0.0',
    fetch: () => {
      asked.resolve();
      return new Promise<never>(() => {});
    },
  });
  const running = await serveProvider(
    defineProvider({ name: 'stuck', version: '1.0.0', contexts: [stuck] }),
    { url: registry.url, key, drainMs: 20 },
  );
  const call = fetchOne(clientOf(ProviderService, running.url), 'a');
  call.catch(() => {});
  await asked.promise;
  await running.close();
  await expect(call).rejects.toMatchObject({ code: Code.Unavailable });
});

test('a router that hangs does not keep it from stopping', async () => {
  const registry = await openRegistry();
  const running = await serve(registry);
  // It greets, and then neither answers a farewell nor closes.
  const socket = connect({ port: running.port, host: '127.0.0.1', allowHalfOpen: true });
  cleanups.push(() => socket.destroy());
  socket.on('error', () => {});
  const empty = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
  socket.write(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), empty]));
  await once(socket, 'data');
  socket.pause();
  await running.close();
});

test('a signal stops it, before and after it is registered', async () => {
  const registry = await openRegistry();
  const stop = new AbortController();
  const running = await serve(registry, { signal: stop.signal });
  stop.abort();
  await running.closed;
  expect(registry.endpoints.size).toBe(0);

  const early = new AbortController();
  const { onEvent, next } = recorder();
  const failed = next('register-failed');
  const serving = serve({ url: 'http://127.0.0.1:1' }, { signal: early.signal, onEvent });
  await failed;
  early.abort(new Error('enough'));
  await expect(serving).rejects.toMatchObject({ name: 'WeirCallError' });
  await expect(serve(registry, { signal: AbortSignal.abort() })).rejects.toThrow();
});

test('a port that is taken is an error at once', async () => {
  const registry = await openRegistry();
  await expect(serve(registry, { port: registry.port })).rejects.toThrow('EADDRINUSE');
});

test('an address that nobody can call needs a public one', async () => {
  await expect(serve({ url: 'http://127.0.0.1:1' }, { host: '0.0.0.0' })).rejects.toThrow(
    'host 0.0.0.0 is no address to be called at: give publicUrl too',
  );
  const registry = await openRegistry();
  const running = await serve(registry, { host: '0.0.0.0', publicUrl: 'http://docs.internal:9' });
  expect([...registry.endpoints.values()][0]?.url).toBe('http://docs.internal:9');
  expect(running.url).toBe('http://docs.internal:9');
});

test('bytes that are not HTTP/2 do not bring it down', async () => {
  const registry = await openRegistry();
  const running = await serve(registry);
  const socket = connect(running.port, '127.0.0.1');
  socket.on('error', () => {});
  const ended = new Promise((resolve) => socket.once('close', resolve));
  socket.resume();
  socket.write('GET / HTTP/1.1\r\n\r\n');
  await ended;
  const answer = await fetchOne(clientOf(ProviderService, running.url), 'a');
  expect(answer?.case).toBe('content');
});
