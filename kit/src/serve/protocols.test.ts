import { Code, ConnectError } from '@connectrpc/connect';
import { ErrorInfoSchema, RetryInfoSchema } from '@weir/sdk/gen/google/rpc/error_details_pb';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { RouterService } from '@weir/sdk/gen/weir/router/v1/router_pb';
import { describe, expect, it } from 'vitest';
import { callerOf } from '../caller.ts';
import { reasonOf, refuse } from '../errors.ts';
import { clientOf, echoRoutes, openTestServer, ways } from './test-server.ts';

const refs = ['a', 'b', 'c'].map((key) => ({ type: 'DocChunk', key }));

describe.each(Object.keys(ways) as (keyof typeof ways)[])('%s', (way) => {
  it('carries unary calls and streams', async () => {
    await using server = await openTestServer({ routes: echoRoutes });
    const client = clientOf(server, way);
    const { results } = await client.fetchContext({ refs });
    expect(results.map(({ outcome }) => outcome.case === 'item' && outcome.value.etag)).toEqual([
      'a',
      'b',
      'c',
    ]);
    const indexes: (number | undefined)[] = [];
    for await (const { result } of client.streamContext({ fetch: { refs } })) {
      indexes.push(result?.index);
    }
    expect(indexes).toEqual([0, 1, 2]);
  });

  it('carries refusals with code, reason, delay and request id', async () => {
    await using server = await openTestServer({
      routes(router) {
        router.service(RouterService, {
          fetchContext() {
            throw refuse(Reason.SNAPSHOT_BEHIND, 'not yet: 50 %', { retryDelayMs: 20 });
          },
          // biome-ignore lint/correctness/useYield: it is refused at once.
          async *streamContext() {
            throw refuse(Reason.BATCH_EMPTY, 'no ref');
          },
        });
      },
    });
    const client = clientOf(server, way);
    const headers = { 'x-request-id': 'my-request.1' };
    const error = await caught(client.fetchContext({}, { headers }));
    expect(error).toMatchObject({ code: Code.Unavailable, rawMessage: 'not yet: 50 %' });
    expect(reasonOf(error)).toBe(Reason.SNAPSHOT_BEHIND);
    expect(error.findDetails(RetryInfoSchema)[0]?.retryDelay?.nanos).toBe(20_000_000);
    expect(error.metadata.get('retry-after')).toBe('1');
    const metadata = { request_id: 'my-request.1' };
    expect(error.findDetails(ErrorInfoSchema)[0]?.metadata).toEqual(metadata);
    expect(error.metadata.get('x-request-id')).toBe('my-request.1');
    const streamError = await caught(Array.fromAsync(client.streamContext({})));
    expect(reasonOf(streamError)).toBe(Reason.BATCH_EMPTY);
  });

  it('turns strangers away before their body is read', async () => {
    await using server = await openTestServer({ routes: echoRoutes });
    const headers = { authorization: 'Bearer bad' };
    const client = clientOf(server, way);
    const error = await caught(client.fetchContext({ refs }, { headers }));
    expect(error.code).toBe(Code.Unauthenticated);
    expect(reasonOf(error)).toBe(Reason.CREDENTIAL_INVALID);
    const streamError = await caught(Array.fromAsync(client.streamContext({}, { headers })));
    expect(reasonOf(streamError)).toBe(Reason.CREDENTIAL_INVALID);
  });

  it('says nothing of faults', async () => {
    await using server = await openTestServer({
      routes(router) {
        router.service(RouterService, {
          fetchContext() {
            throw new Error('hunter2');
          },
        });
      },
    });
    const error = await caught(clientOf(server, way).fetchContext({ refs }));
    expect(error.code).toBe(Code.Internal);
    expect(error.rawMessage).toMatch(/^internal error, request [0-9a-f-]{36}$/);
    expect(reasonOf(error)).toBe(Reason.INTERNAL);
  });

  it('refuses messages that are too large', async () => {
    await using server = await openTestServer({
      routes: echoRoutes,
      limits: { readMaxBytes: 1000, writeMaxBytes: 100 },
    });
    const key = 'x'.repeat(1200);
    const client = clientOf(server, way);
    if (way !== 'Connect JSON on HTTP/1.1') {
      const error = await caught(client.fetchContext({ refs: [{ key }] }));
      expect(error.code).toBe(Code.ResourceExhausted);
      expect(reasonOf(error)).toBe(Reason.MESSAGE_TOO_LARGE);
    }
    const answer = { refs: [{ key: 'x'.repeat(500) }] };
    expect((await caught(client.fetchContext(answer))).code).toBe(Code.ResourceExhausted);
  });

  it('ends calls at their deadline, even when the handler does not care', async () => {
    await using server = await openTestServer({
      limits: { defaultTimeoutMs: 60 },
      routes(router) {
        router.service(RouterService, {
          fetchContext: () => new Promise(() => undefined),
          async *streamContext() {
            yield {};
            await new Promise(() => undefined);
          },
        });
      },
    });
    const client = clientOf(server, way);
    const error = await caught(client.fetchContext({ refs }));
    expect(error.code).toBe(Code.DeadlineExceeded);
    expect(reasonOf(error)).toBe(Reason.DEADLINE_EXCEEDED);
    const stream = Array.fromAsync(client.streamContext({}, { timeoutMs: 60 }));
    expect((await caught(stream)).code).toBe(Code.DeadlineExceeded);
  });

  it('tells handlers the caller and the deadline: the default one, or at most the longest', async () => {
    const seen: number[] = [];
    await using server = await openTestServer({
      limits: { defaultTimeoutMs: 5000, maxTimeoutMs: 20_000 },
      routes(router) {
        router.service(RouterService, {
          fetchContext(_, context) {
            expect(callerOf(context).tenant).toBe('acme');
            seen.push(Math.ceil((context.timeoutMs() ?? 0) / 1000));
            return {};
          },
        });
      },
    });
    const client = clientOf(server, way);
    await client.fetchContext({});
    await client.fetchContext({}, { timeoutMs: 3000 });
    await client.fetchContext({}, { timeoutMs: 600_000 });
    expect(seen).toEqual([5, 3, 20]);
  });

  it('lets handlers know when the caller has gone', async () => {
    const gone = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    await using server = await openTestServer({
      routes(router) {
        router.service(RouterService, {
          fetchContext(_, { signal }) {
            signal.addEventListener('abort', () => gone.resolve());
            begun.resolve();
            return new Promise(() => undefined);
          },
        });
      },
    });
    const leave = new AbortController();
    const call = clientOf(server, way).fetchContext({ refs }, { signal: leave.signal });
    await begun.promise;
    leave.abort();
    expect((await caught(call)).code).toBe(Code.Canceled);
    await gone.promise;
  });
});

async function caught(work: Promise<unknown>): Promise<ConnectError> {
  try {
    await work;
  } catch (error) {
    return ConnectError.from(error);
  }
  throw new Error('nothing was thrown');
}
