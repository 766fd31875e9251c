import { type Client, createClient, type Interceptor } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { type OutboundGuard, openSessions } from '@weir/kit';
import { ProviderService } from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import type { Endpoint } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { LRUCache } from 'lru-cache';

/** Calls the providers of one address. */
export type ProviderClient = Client<typeof ProviderService>;

/** Connections to providers, opened as they are needed. */
export interface Connections extends Disposable {
  clientOf(endpoint: Pick<Endpoint, 'url'>): ProviderClient;
}

const MAX_ADDRESSES = 1_000;
/** A little above the limit of an item, so that one item always fits a message. */
const READ_MAX_BYTES = 5 * 1024 * 1024;
const PING_INTERVAL_MS = 10_000;
const PING_TIMEOUT_MS = 2_000;
const IDLE_MS = 60_000;
const WINDOW_BYTES = 1024 * 1024;

/** Opens one HTTP/2 session for each address. */
export function openConnections(
  outbound: OutboundGuard,
  interceptors: readonly Interceptor[],
): Connections {
  const connections = new LRUCache<string, { client: ProviderClient; close(): void }>({
    max: MAX_ADDRESSES,
    // One that made room for others may be at work; it closes by itself when it is idle.
    dispose: (connection, _url, why) => {
      if (why !== 'evict') connection.close();
    },
  });
  return {
    clientOf({ url }) {
      const known = connections.get(url);
      if (known) return known.client;
      const connection = connect(url, outbound, interceptors);
      connections.set(url, connection);
      return connection.client;
    },
    [Symbol.dispose]: () => connections.clear(),
  };
}

function connect(
  url: string,
  outbound: OutboundGuard,
  interceptors: readonly Interceptor[],
): { client: ProviderClient; close(): void } {
  const sessionManager = openSessions(outbound, url, {
    pingIntervalMs: PING_INTERVAL_MS,
    pingTimeoutMs: PING_TIMEOUT_MS,
    idleConnectionTimeoutMs: IDLE_MS,
    windowBytes: WINDOW_BYTES,
  });
  const transport = createGrpcTransport({
    baseUrl: url,
    sessionManager,
    readMaxBytes: READ_MAX_BYTES,
    // What nobody reads is not kept.
    binaryOptions: { readUnknownFields: false },
    interceptors: [...interceptors],
  });
  return { client: createClient(ProviderService, transport), close: () => sessionManager.abort() };
}
