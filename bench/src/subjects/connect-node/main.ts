import { createServer } from 'node:http2';
import { createClient, type ServiceImpl } from '@connectrpc/connect';
import { connectNodeAdapter, createGrpcTransport } from '@connectrpc/connect-node';
import { RouterService } from '@weir/sdk/gen/weir/router/v1/router_pb';
import { answerOf } from '../../values.ts';
import { http2Options, listen } from '../http2.ts';
import { announce, readTask } from '../task.ts';

// Plain connect-node: decodes the request, and encodes an answer that is ready or, with an
// upstream, the one that a connect-node client brings.

const { refs, valueBytes, upstream } = readTask();
type FetchContext = NonNullable<ServiceImpl<typeof RouterService>['fetchContext']>;

function fromUpstream(baseUrl: string): FetchContext {
  const transport = createGrpcTransport({ baseUrl, nodeOptions: http2Options });
  const router = createClient(RouterService, transport);
  return (request, { signal }) => router.fetchContext(request, { signal });
}

function atHand(): FetchContext {
  const answer = answerOf(refs, valueBytes);
  return () => answer;
}

const fetchContext = upstream === undefined ? atHand() : fromUpstream(upstream);
const server = createServer(
  http2Options,
  connectNodeAdapter({ routes: (router) => router.service(RouterService, { fetchContext }) }),
);
announce(await listen(server));
