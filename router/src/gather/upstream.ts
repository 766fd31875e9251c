import { type Client, Code, ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { type Clock, type Logger, refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import {
  type FetchRequest,
  type FetchResponse,
  type ListRequest,
  type ListResponse,
  ProviderService,
} from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import type { Endpoint } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { LRUCache } from 'lru-cache';
import type { SecretSource } from '../secrets.ts';
import type { ProviderVersion } from '../snapshot/catalogue.ts';
import { createEndpointChooser } from './endpoints.ts';
import { isOutOfReach } from './upstream-errors.ts';

/** How one upstream call ends at the latest. */
export interface UpstreamLimits {
  readonly signal: AbortSignal;
  /** At least 1 is given to the provider, in whole milliseconds. */
  readonly timeoutMs: number;
}

/** Calls providers. */
export interface Upstream extends AsyncDisposable {
  /** Fetches a batch from one endpoint of a provider version. */
  fetch(
    provider: ProviderVersion,
    request: FetchRequest,
    limits: UpstreamLimits,
  ): AsyncIterable<FetchResponse>;
  /** Lists keys, from one endpoint of a provider version. */
  list(
    provider: ProviderVersion,
    request: ListRequest,
    limits: UpstreamLimits,
  ): Promise<ListResponse>;
}

type ProviderClient = Client<typeof ProviderService>;

const MAX_ADDRESSES = 1_000;
/** A little above the limit of an item, so that one item always fits a message. */
const READ_MAX_BYTES = 5 * 1024 * 1024;
const PING_INTERVAL_MS = 10_000;
const PING_TIMEOUT_MS = 2_000;
const IDLE_MS = 60_000;
const WINDOW_BYTES = 1024 * 1024;

/** Opens connections to providers as they are needed, one HTTP/2 session for each address. */
export function openUpstream(options: {
  clock: Clock;
  secrets: SecretSource;
  log: Logger;
}): Upstream {
  const chooser = createEndpointChooser(options.clock);
  const connections = new LRUCache<string, { client: ProviderClient; close(): void }>({
    max: MAX_ADDRESSES,
    dispose: (connection) => connection.close(),
  });

  const clientOf = (endpoint: Endpoint): ProviderClient => {
    const known = connections.get(endpoint.url);
    if (known) return known.client;
    const connection = connect(endpoint.url);
    connections.set(endpoint.url, connection);
    return connection.client;
  };

  const failing = new Set<string>();
  /** Logs when a provider begins to fail, and when it is well again; not each call. */
  const tell = ({ tenant, name, version }: ProviderVersion, error: unknown) => {
    const provider = `${tenant}/${name} ${version}`;
    if (error === undefined) {
      if (failing.delete(provider)) options.log.info({ provider }, 'provider answers again');
      return;
    }
    const { code, rawMessage } = ConnectError.from(error);
    if (code === Code.Canceled || failing.has(provider)) return;
    if (failing.size >= MAX_ADDRESSES) failing.clear();
    failing.add(provider);
    options.log.warn({ provider, code: Code[code], err: rawMessage }, 'provider fails');
  };

  /** Calls an endpoint; another one when it cannot be reached and nothing has come yet. */
  async function* attempt<T>(
    provider: ProviderVersion,
    limits: UpstreamLimits,
    call: (client: ProviderClient, options: CallOptions) => AsyncIterable<T>,
  ): AsyncIterable<T> {
    const headers = authenticationOf(provider, options.secrets);
    const endMs = options.clock.monotonicMs() + limits.timeoutMs;
    let endpoint = chooser.choose(provider);
    for (;;) {
      if (!endpoint) throw noEndpoint(provider);
      let answered = false;
      try {
        const leftMs = endMs - options.clock.monotonicMs();
        for await (const message of call(clientOf(endpoint), {
          signal: limits.signal,
          timeoutMs: Math.max(1, Math.floor(leftMs)),
          headers,
        })) {
          answered = true;
          yield message;
        }
        tell(provider, undefined);
        return;
      } catch (error) {
        tell(provider, error);
        if (answered || limits.signal.aborted || !isOutOfReach(error)) throw error;
        chooser.unreachable(endpoint);
        endpoint = chooser.choose(provider, endpoint);
        if (!endpoint) throw error;
      }
    }
  }

  return {
    fetch: (provider, request, limits) =>
      attempt(provider, limits, (client, options) => client.fetch(request, options)),
    async list(provider, request, limits) {
      const answers = attempt(provider, limits, async function* (client, options) {
        yield await client.list(request, options);
      });
      for await (const answer of answers) return answer;
      throw noEndpoint(provider);
    },
    async [Symbol.asyncDispose]() {
      connections.clear();
    },
  };
}

type CallOptions = { signal: AbortSignal; timeoutMs: number; headers: Record<string, string> };

function connect(url: string): { client: ProviderClient; close(): void } {
  const sessionManager = new Http2SessionManager(
    url,
    {
      pingIntervalMs: PING_INTERVAL_MS,
      pingTimeoutMs: PING_TIMEOUT_MS,
      idleConnectionTimeoutMs: IDLE_MS,
    },
    { settings: { initialWindowSize: WINDOW_BYTES } },
  );
  const transport = createGrpcTransport({
    baseUrl: url,
    sessionManager,
    readMaxBytes: READ_MAX_BYTES,
  });
  return { client: createClient(ProviderService, transport), close: () => sessionManager.abort() };
}

function authenticationOf(
  provider: ProviderVersion,
  secrets: SecretSource,
): Record<string, string> {
  if (provider.bearer === '') return {};
  const secret = secrets.resolve(provider.bearer);
  if (secret !== undefined) return { authorization: `Bearer ${secret}` };
  throw refuse(
    Reason.PROVIDER_UNAVAILABLE,
    `this router does not know the secret that provider ${provider.name} asks for`,
  );
}

function noEndpoint(provider: ProviderVersion): Error {
  return refuse(
    Reason.PROVIDER_UNAVAILABLE,
    `provider ${provider.name} ${provider.version} has no endpoint; start one`,
  );
}
