import { createLogger, createOutboundGuard } from '@weir/kit';
import { expect, test } from 'vitest';
import { content, openProviderServer, testOutbound } from '../../test/provider-server.ts';
import { openConnections } from './connections.ts';
import { isOutOfReach } from './upstream-errors.ts';

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
  using connections = openConnections(testOutbound(), []);
  const client = connections.clientOf({ url: server.url });
  const query = { type: 'DocChunk', typeVersion: '1.0.0', key: 'a' };
  const answers = Array.fromAsync(client.fetch({ queries: [query] }, { timeoutMs: 10_000 }));
  await asked.promise;
  for (let i = 0; i < 1_100; i++) connections.clientOf({ url: `http://127.0.0.1:1/${i}` });
  gate.resolve();
  expect((await answers).flatMap(({ results }) => results)).toHaveLength(1);
});

test('a name that leads where nobody may be led is out of reach, each time anew', async () => {
  let asked = 0;
  await using server = await openProviderServer({
    fetch() {
      asked += 1;
      return content('here');
    },
  });
  const leads = ['127.0.0.1', '127.0.0.2', '127.0.0.1'];
  const outbound = createOutboundGuard({
    allow: ['127.0.0.1/32'],
    log: createLogger({ name: 'test', level: 'silent' }),
    resolve: async () => [{ address: leads.shift() ?? '', family: 4 }],
  });
  const url = `http://provider.test:${new URL(server.url).port}`;
  const ask = async () => {
    using connections = openConnections(outbound, []);
    const queries = [{ type: 'DocChunk', typeVersion: '1.0.0', key: 'a' }];
    return await Array.fromAsync(connections.clientOf({ url }).fetch({ queries }));
  };
  expect(await ask()).toHaveLength(1);
  const refusal = await ask().catch((error: unknown) => error);
  expect(isOutOfReach(refusal)).toBe(true);
  expect(asked).toBe(1);
  expect(await ask()).toHaveLength(1);
});
