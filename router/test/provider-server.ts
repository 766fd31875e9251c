import { createServer, type Http2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import {
  type FetchQuery,
  type FetchRequest,
  FetchResponseSchema,
  type FetchResultSchema,
  type ListRequest,
  type ListResponseSchema,
  ProviderService,
} from '@weir/sdk/gen/weir/provider/v1/provider_pb';

type Outcome = MessageInitShape<typeof FetchResultSchema>['outcome'];

/** What a provider for tests does. */
export interface ProviderBehaviour {
  /** The outcome of one query; results are sent one by one, as they are there. */
  fetch(query: FetchQuery, signal: AbortSignal): Outcome | Promise<Outcome>;
  list?(request: ListRequest): MessageInitShape<typeof ListResponseSchema>;
}

/** A provider on a real socket, which remembers what it was asked. */
export interface ProviderServer extends AsyncDisposable {
  readonly url: string;
  readonly requests: FetchRequest[];
  /** How many upstream calls were cancelled. */
  readonly cancelled: () => number;
}

/** A value of JSON. */
export function content(value: unknown, more: object = {}): Outcome {
  return { case: 'content', value: { payload: Buffer.from(JSON.stringify(value)), ...more } };
}

/** Starts a provider that behaves as given. */
export async function openProviderServer(behaviour: ProviderBehaviour): Promise<ProviderServer> {
  const requests: FetchRequest[] = [];
  const sessions = new Set<Http2Session>();
  let cancelled = 0;
  const server = createServer(
    connectNodeAdapter({
      routes: (router) =>
        router.service(ProviderService, {
          async *fetch(request, context) {
            requests.push(request);
            context.signal.addEventListener('abort', () => cancelled++);
            const queue = request.queries.map(async (query, index) => {
              const outcome = await behaviour.fetch(query, context.signal);
              return create(FetchResponseSchema, {
                results: [{ index, ...(outcome ? { outcome } : {}) }],
              });
            });
            const open = new Map(queue.map((one, index) => [index, one]));
            while (open.size > 0) {
              const response = await Promise.race(open.values());
              open.delete(response.results[0]?.index ?? 0);
              yield response;
            }
          },
          list: (request) => behaviour.list?.(request) ?? {},
        }),
    }),
  );
  server.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    cancelled: () => cancelled,
    async [Symbol.asyncDispose]() {
      for (const session of sessions) session.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
