import { createServer, type Http2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { createLogger, createOutboundGuard, type OutboundGuard } from '@weir/kit';
import {
  type FetchQuery,
  type FetchRequest,
  FetchResponseSchema,
  type FetchResultSchema,
  type ListRequest,
  type ListResponseSchema,
  ProviderService,
} from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import { MAX_PART_BYTES } from '../src/gather/arrivals.ts';
import { MAX_PAYLOAD_BYTES } from '../src/gather/land.ts';

type Outcome = MessageInitShape<typeof FetchResultSchema>['outcome'];

type Listed = MessageInitShape<typeof ListResponseSchema>;

/** What a provider for tests does. */
export interface ProviderBehaviour {
  /** The outcome of one query; results are sent one by one, as they are there. */
  fetch(query: FetchQuery, signal: AbortSignal): Outcome | Promise<Outcome>;
  list?(request: ListRequest): Listed | Promise<Listed>;
}

/** A provider on a real socket, which remembers what it was asked. */
export interface ProviderServer extends AsyncDisposable {
  readonly url: string;
  readonly requests: FetchRequest[];
  /** How many upstream calls were cancelled. */
  readonly cancelled: () => number;
}

/** The way to providers of tests, which are all on this machine. */
export function testOutbound(): OutboundGuard {
  const log = createLogger({ name: 'test', level: 'silent' });
  return createOutboundGuard({ allow: ['loopback'], log });
}

/** A value of JSON. */
export function content(value: unknown, more: object = {}): Outcome {
  return { case: 'content', value: { payload: Buffer.from(JSON.stringify(value)), ...more } };
}

/** What is too large for a message goes in parts. */
function partsOf(outcome: Outcome): Outcome[] {
  const payload = outcome?.case === 'content' ? outcome.value.payload : undefined;
  if (outcome?.case !== 'content' || !payload || payload.length <= MAX_PAYLOAD_BYTES) {
    return [outcome];
  }
  const parts: Outcome[] = [];
  for (let from = 0; from < payload.length; from += MAX_PART_BYTES) {
    const data = payload.subarray(from, from + MAX_PART_BYTES);
    const totalBytes = BigInt(payload.length);
    const first = { ...outcome.value, payload: data, totalBytes };
    parts.push(from === 0 ? { case: 'content', value: first } : { case: 'part', value: { data } });
  }
  return parts;
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
              return partsOf(outcome).map((part) =>
                create(FetchResponseSchema, {
                  results: [{ index, ...(part ? { outcome: part } : {}) }],
                }),
              );
            });
            const open = new Map(queue.map((one, index) => [index, one]));
            while (open.size > 0) {
              const responses = await Promise.race(open.values());
              open.delete(responses[0]?.results[0]?.index ?? 0);
              yield* responses;
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
