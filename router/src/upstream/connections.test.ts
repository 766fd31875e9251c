import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { createLogger, createOutboundGuard } from '@weir/kit';
import {
  FetchRequestSchema,
  FetchResponseSchema,
} from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import { expect, test } from 'vitest';
import { content, openProviderServer, testOutbound } from '../../test/provider-server.ts';
import { openConnections } from './connections.ts';
import type { ProviderClient } from './lean/client.ts';
import { framed } from './lean/frames.ts';
import { isOutOfReach } from './upstream-errors.ts';

/** The results of a call. */
async function fetchFrom(client: ProviderClient): Promise<unknown[]> {
  const query = { type: 'DocChunk', typeVersion: '1.0.0', key: 'a' };
  const body = framed(
    toBinary(FetchRequestSchema, create(FetchRequestSchema, { queries: [query] })),
  );
  const call = { method: 'fetch', body, timeoutMs: 10_000, headers: [] } as const;
  const replies = client.call(call, {
    decode: (bytes) => fromBinary(FetchResponseSchema, bytes).results,
  });
  const results: unknown[] = [];
  for (;;) {
    const { done, value } = await replies.next();
    if (done) return results;
    results.push(...value);
  }
}

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
  using connections = openConnections(testOutbound());
  const answer = fetchFrom(connections.clientOf({ url: server.url }));
  await asked.promise;
  for (let i = 0; i < 1_100; i++) connections.clientOf({ url: `http://127.0.0.1:1/${i}` });
  gate.resolve();
  expect(await answer).toHaveLength(1);
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
    using connections = openConnections(outbound);
    return await fetchFrom(connections.clientOf({ url }));
  };
  expect(await ask()).toHaveLength(1);
  const refusal = await ask().catch((error: unknown) => error);
  expect(isOutOfReach(refusal)).toBe(true);
  expect(asked).toBe(1);
  expect(await ask()).toHaveLength(1);
});
