import { expect, test } from 'vitest';
import { content, openProviderServer } from '../../test/provider-server.ts';
import { openConnections } from './connections.ts';

test('a call under way survives that its address is forgotten for others', async () => {
  const asked = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  await using server = await openProviderServer({
    async fetch() {
      asked.resolve();
      await gate.promise;
      return content('late');
    },
  });
  using connections = openConnections([]);
  const client = connections.clientOf({ url: server.url });
  const query = { type: 'DocChunk', typeVersion: '1.0.0', key: 'a' };
  const answers = Array.fromAsync(client.fetch({ queries: [query] }, { timeoutMs: 10_000 }));
  await asked.promise;
  for (let i = 0; i < 1_100; i++) connections.clientOf({ url: `http://127.0.0.1:1/${i}` });
  gate.resolve();
  expect((await answers).flatMap(({ results }) => results)).toHaveLength(1);
});
