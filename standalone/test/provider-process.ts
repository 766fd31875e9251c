import { createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { ProviderService } from '@weir/sdk/gen/weir/provider/v1/provider_pb';

// A provider in a process of its own, which tests stop and let go on. Prints its port.
const server = createServer(
  connectNodeAdapter({
    routes: (router) =>
      router.service(ProviderService, {
        async *fetch({ queries }) {
          const results = queries.map((_, index) => ({
            index,
            outcome: { case: 'content' as const, value: { payload: Buffer.from('1') } },
          }));
          yield { results };
        },
      }),
  }),
);
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port));
