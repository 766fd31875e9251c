import type { OutboundGuard } from '@weir/kit';
import type { Endpoint } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { LRUCache } from 'lru-cache';
import { createProviderClient, type ProviderClient } from './lean/client.ts';
import { openSessions, type Sessions } from './lean/sessions.ts';

/** Connections to providers, opened as they are needed. */
export interface Connections extends Disposable {
  clientOf(endpoint: Pick<Endpoint, 'url'>): ProviderClient;
}

interface Connection {
  readonly client: ProviderClient;
  readonly sessions: Sessions;
}

const MAX_ADDRESSES = 1_000;

/** Opens the sessions of each address as they are needed. */
export function openConnections(outbound: OutboundGuard): Connections {
  const connections = new LRUCache<string, Connection>({
    max: MAX_ADDRESSES,
    // One that made room for others may be at work; it closes by itself when it is idle.
    dispose: ({ sessions }, _url, why) => {
      if (why !== 'evict') sessions.abort();
    },
  });
  return {
    clientOf({ url }) {
      const known = connections.get(url);
      if (known) return known.client;
      const sessions = openSessions(outbound, url);
      const connection = { sessions, client: createProviderClient(url, sessions) };
      connections.set(url, connection);
      return connection.client;
    },
    [Symbol.dispose]: () => connections.clear(),
  };
}
