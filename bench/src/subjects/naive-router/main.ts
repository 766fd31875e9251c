import { createServer } from 'node:http2';
import { createClient } from '@connectrpc/connect';
import { connectNodeAdapter, createGrpcTransport } from '@connectrpc/connect-node';
import { ProviderService } from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import { RouterService } from '@weir/sdk/gen/weir/router/v1/router_pb';
import { http2Options, listen } from '../http2.ts';
import { announce, readTask, upstreamOf } from '../task.ts';
import { createCache } from './cache.ts';
import { fetchItem } from './fetch-item.ts';
import { createEnforcer } from './rules.ts';

// A router as a good engineer writes one in an afternoon, with the libraries that Weir uses too:
// each ref on its own, all of them side by side. It lets everybody in and records nothing.

const task = readTask();
const transport = createGrpcTransport({ baseUrl: upstreamOf(task), nodeOptions: http2Options });
const means = {
  enforcer: await createEnforcer(task.rules),
  cache: createCache(),
  provider: createClient(ProviderService, transport),
};

const server = createServer(
  http2Options,
  connectNodeAdapter({
    routes: (router) =>
      router.service(RouterService, {
        async fetchContext({ refs }, { signal }) {
          const items = refs.map((ref, index) => fetchItem(means, ref, { index, signal }));
          return { results: await Promise.all(items) };
        },
      }),
  }),
);
announce(await listen(server));
