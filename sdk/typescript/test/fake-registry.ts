import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, type HandlerContext, type ServiceImpl } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { RegistryService } from '../src/gen/weir/registry/v1/registry_pb.ts';
import {
  type Endpoint,
  EndpointSchema,
  type Provider,
  type ProviderManifest,
  ProviderSchema,
} from '../src/gen/weir/registry/v1/resources_pb.ts';

/** The part of the registry that providers use, kept in memory, on a real socket. */
export interface FakeRegistry extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** The methods called so far, with what tells them apart. */
  readonly calls: readonly string[];
  readonly providers: Map<string, Provider>;
  readonly endpoints: Map<string, Endpoint>;
  /** Thrown by the next calls of a method, one by one. */
  fail(method: string, ...errors: ConnectError[]): void;
  /** Resolves once a call has been answered whose description begins so. */
  called(beginning: string): Promise<void>;
  /** Removes a provider version with its endpoints, as somebody would who deregisters it. */
  deregister(name: string): Provider;
  /** Loses everything, as a registry with a new database would. */
  forget(): void;
}

/** The key that the fake registry takes. */
export const key = 'weir_test_key';

export async function openFakeRegistry(port = 0, leaseMs = 90): Promise<FakeRegistry> {
  const providers = new Map<string, Provider>();
  const endpoints = new Map<string, Endpoint>();
  const calls: string[] = [];
  const waiting = new Set<() => void>();
  const failures = new Map<string, ConnectError[]>();
  let ids = 0;
  let epoch: string = randomUUID();
  const called = (text: string): void => {
    const failure = failures.get(text.split(' ', 1)[0] ?? '')?.shift();
    calls.push(failure ? `${text} failed` : text);
    setImmediate(() => {
      for (const check of waiting) check();
    });
    if (failure) throw failure;
  };
  const lease = durationFromMs(leaseMs);
  const put = (manifest: ProviderManifest): Provider => {
    const etag = `etag-${++ids}`;
    const provider = create(ProviderSchema, { manifest, etag });
    providers.set(nameOf(manifest), provider);
    return provider;
  };
  const service: Partial<ServiceImpl<typeof RegistryService>> = {
    publishType({ source }) {
      const name = source.case === 'manifest' ? source.value.name : '';
      called(`publishType ${name}`);
      return {};
    },
    registerProvider({ source }) {
      const manifest = manifestIn(source);
      called(`registerProvider ${nameOf(manifest)}`);
      const known = providers.get(nameOf(manifest));
      if (known && known.manifest?.title !== manifest.title) {
        throw new ConnectError('other content under this name', Code.AlreadyExists);
      }
      return { provider: known ?? put(manifest) };
    },
    getProvider({ name, version }) {
      called(`getProvider ${name}@${version}`);
      const provider = providers.get(`${name}@${version}`);
      if (!provider) throw new ConnectError('no such provider', Code.NotFound);
      return { provider };
    },
    updateProvider({ source, etag }) {
      const manifest = manifestIn(source);
      called(`updateProvider ${nameOf(manifest)}`);
      if (providers.get(nameOf(manifest))?.etag !== etag) {
        throw new ConnectError('stale', Code.Aborted);
      }
      return { provider: put(manifest) };
    },
    registerEndpoint({ provider, version, endpoint }) {
      called('registerEndpoint');
      if (!providers.has(`${provider}@${version}`)) {
        throw new ConnectError('no such provider', Code.NotFound);
      }
      const id = `endpoint-${++ids}`;
      const registered = create(EndpointSchema, { id, url: endpoint?.url ?? '' });
      endpoints.set(id, registered);
      return { endpoint: registered, lease, epoch };
    },
    heartbeat({ endpointIds }) {
      called('heartbeat');
      return { lease, unknownEndpointIds: endpointIds.filter((id) => !endpoints.has(id)), epoch };
    },
    deregisterEndpoint({ endpointId, drain }) {
      called(drain ? 'drainEndpoint' : 'deregisterEndpoint');
      if (!drain) endpoints.delete(endpointId);
      return {};
    },
  };
  const server = createServer(
    connectNodeAdapter({
      requestGate: authenticate,
      routes: (router) => router.service(RegistryService, service),
    }),
  );
  const sessions = new Set<{ destroy(): void }>();
  server.on('session', (session) => sessions.add(session));
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const listening = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${listening.port}`,
    port: listening.port,
    calls,
    providers,
    endpoints,
    fail: (method, ...errors) => failures.set(method, errors),
    called: (beginning) =>
      new Promise((resolve) => {
        const check = (): void => {
          if (!calls.some((call) => call.startsWith(beginning))) return;
          waiting.delete(check);
          resolve();
        };
        waiting.add(check);
        check();
      }),
    deregister(name) {
      const removed = providers.get(name);
      if (!removed) throw new Error(`there is no provider ${name}`);
      providers.delete(name);
      endpoints.clear();
      return removed;
    },
    forget() {
      epoch = randomUUID();
      providers.clear();
      endpoints.clear();
      calls.length = 0;
    },
    async [Symbol.asyncDispose]() {
      for (const session of sessions) session.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function authenticate({ requestHeader }: HandlerContext): void {
  if (requestHeader.get('authorization') === `Bearer ${key}`) return;
  throw new ConnectError('the key is not known', Code.Unauthenticated);
}

function manifestIn(source: {
  readonly case?: string | undefined;
  readonly value?: unknown;
}): ProviderManifest {
  if (source.case === 'manifest') return source.value as ProviderManifest;
  throw new ConnectError('no manifest', Code.InvalidArgument);
}

function nameOf({ name, version }: ProviderManifest): string {
  return `${name}@${version}`;
}
