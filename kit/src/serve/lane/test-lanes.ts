import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import {
  type FetchContextRequest,
  FetchContextRequestSchema,
  FetchContextResponseSchema,
  RouterService,
} from '@weir/sdk/gen/weir/router/v1/router_pb';
import { expect, vi } from 'vitest';
import { requestIdKey } from '../../caller.ts';
import { malformedMessage } from '../../errors.ts';
import { afterCallKey } from '../after-call.ts';
import type { ServeOptions } from '../options.ts';
import { openTestServer, type TestServer } from '../test-server.ts';
import type { LeanMethod } from './lean-method.ts';

/** The lanes: the fast one over node:http2, and over our own HTTP/2; and that of the RPC library. */
export const lanes = ['fast', 'own', 'connect'] as const;
export type LaneName = (typeof lanes)[number];

/** Whether a lane reads HTTP/2 by ourselves. */
export const isOwn = (lane: LaneName): boolean =>
  lane === 'own' || process.env.WEIR_TEST_HTTP2 === 'own';

/** The path of the one method that has both. */
export const fetchPath = '/weir.router.v1.RouterService/FetchContext';

/** A call as the handler of both lanes sees it. */
export interface LaneCall {
  readonly signal: AbortSignal;
  readonly timeoutMs: number | undefined;
  afterCall(done: () => void): void;
}

/** Answers in either lane. */
export type LaneHandler = (
  request: FetchContextRequest,
  call: LaneCall,
) => Answer | Promise<Answer>;
type Answer = MessageInitShape<typeof FetchContextResponseSchema>;

/** Answers with the keys that were asked for. */
export const echo: LaneHandler = ({ refs }) => ({
  results: refs.map(({ key }, index) => ({
    index,
    outcome: { case: 'item', value: { etag: key } },
  })),
});

/** A server of one handler, in a lane. */
export function openLaneServer(
  lane: LaneName,
  handle: LaneHandler = echo,
  options: Partial<ServeOptions> = {},
): Promise<TestServer> {
  return openTestServer({
    routes: (router) =>
      router.service(RouterService, {
        fetchContext: (request, { signal, values, timeoutMs }) =>
          handle(request, {
            ...{ signal, timeoutMs: timeoutMs() },
            afterCall: (done) => values.get(afterCallKey)?.(done),
          }),
      }),
    lean: lane === 'connect' ? [] : [leanly(handle)],
    ...(lane === 'own' && { http2: 'own' }),
    ...options,
  });
}

function leanly(handle: LaneHandler): LeanMethod {
  const encode = (answer: Answer, headroom: number) =>
    Buffer.concat([
      Buffer.alloc(headroom),
      toBinary(FetchContextResponseSchema, create(FetchContextResponseSchema, answer)),
    ]);
  return {
    method: RouterService.method.fetchContext,
    answer(call, message) {
      const answer = handle(decoded(message, call.values.get(requestIdKey)), {
        // Made when it is asked for, as in a router.
        get signal() {
          return call.signal;
        },
        timeoutMs: call.timeoutMs(),
        afterCall: (done) => call.afterCall(done),
      });
      if (!(answer instanceof Promise)) return encode(answer, call.headroom);
      return answer.then((one) => encode(one, call.headroom));
    },
  };
}

function decoded(message: Uint8Array, requestId: string): FetchContextRequest {
  try {
    return fromBinary(FetchContextRequestSchema, message);
  } catch (error) {
    throw malformedMessage(error, requestId);
  }
}

/** The bytes of a batch of keys. */
export function batchOf(...keys: string[]): Uint8Array {
  const refs = keys.map((key) => ({ type: 'DocChunk', key }));
  return toBinary(FetchContextRequestSchema, create(FetchContextRequestSchema, { refs }));
}

/** The keys that an answer brings back. */
export function keysIn(message: Uint8Array | undefined): string[] {
  if (!message) return [];
  return fromBinary(FetchContextResponseSchema, message).results.map(({ outcome }) =>
    outcome.case === 'item' ? outcome.value.etag : '',
  );
}

/** Waits until nothing is left of any call, and drains the server. */
export async function expectNothingLeft(server: TestServer): Promise<void> {
  await vi.waitFor(async () => {
    const text = await server.metrics.text();
    const counts = text.matchAll(
      /^(weir_calls_at_work|weir_calls_waiting|rpc_server_active_calls)\{.* (\d+)$/gm,
    );
    for (const [line, , count] of counts) expect(count, line).toBe('0');
  }, 20_000);
  // Nor anything that a server would wait for.
  const startMs = performance.now();
  await server.drain(20_000);
  expect(performance.now() - startMs).toBeLessThan(15_000);
}
