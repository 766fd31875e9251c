import { once } from 'node:events';
import { request as requestHttp } from 'node:http';
import { Code } from '@connectrpc/connect';
import {
  callerKey,
  createLogger,
  createMetrics,
  expectBodyKey,
  serve,
  systemClock,
} from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { RouterService } from '@weir/sdk/gen/weir/router/v1/router_pb';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { openAnswering } from '../../test/answering.ts';
import { testCaller } from '../../test/entries.ts';
import { fetchContext } from '../rpc/fetch-context.ts';
import { streamContext } from '../rpc/stream-context.ts';
import { createSnapshotHolder } from '../snapshot/holder.ts';
import { recordingGate } from './open-recording.ts';
import type { RecordedCall, RefusedCall } from './recorded.ts';
import { recordUnhandled } from './unhandled.ts';

const clock = systemClock;
const recordedCalls: RecordedCall[] = [];
const refusedCalls: RefusedCall[] = [];
const recorder = {
  record: (call: RecordedCall) => void recordedCalls.push(call),
  recordRefused: (call: RefusedCall) => void refusedCalls.push(call),
  [Symbol.dispose]() {},
};
/** A router whose gate lets everybody in, unless it breaks. */
async function openRouterPart() {
  const log = createLogger({ name: 'test', level: 'silent' });
  const answering = openAnswering([]);
  const metrics = createMetrics('test');
  const deps = { ...answering, recorder, observe: () => {} };
  const server = await serve({
    ...{ host: '127.0.0.1', port: 0, log, metrics },
    services: [RouterService],
    routes: (router) =>
      router.service(RouterService, {
        fetchContext: fetchContext(deps),
        streamContext: streamContext(deps),
      }),
    gate: recordingGate(
      ({ requestHeader, values }) => {
        if (requestHeader.get('x-break') !== null) throw new TypeError('a fault of ours');
        if (requestHeader.get('x-signed') !== null) values.get(expectBodyKey)(new Uint8Array(32));
        values.set(callerKey, testCaller());
      },
      { recorder, clock },
    ),
    onFailed: recordUnhandled({ recorder, holder: createSnapshotHolder(clock), clock }),
    limits: { readMaxBytes: 1024 },
  });
  return {
    url: server.url,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await answering[Symbol.asyncDispose]();
      await metrics.shutdown();
    },
  };
}

let router: Awaited<ReturnType<typeof openRouterPart>>;
beforeAll(async () => {
  router = await openRouterPart();
});
afterAll(() => router[Symbol.asyncDispose]());
beforeEach(() => {
  recordedCalls.length = 0;
  refusedCalls.length = 0;
});

interface Sent {
  readonly method?: 'FetchContext' | 'StreamContext';
  readonly type?: string;
  readonly body?: Uint8Array | string;
  readonly headers?: Record<string, string>;
}

async function send({ method = 'FetchContext', type = 'application/json', ...sent }: Sent) {
  const request = requestHttp(`${router.url}/weir.router.v1.RouterService/${method}`, {
    method: 'POST',
    headers: { 'content-type': type, ...sent.headers },
  });
  request.end(sent.body ?? '{}');
  const [response] = await once(request, 'response');
  response.resume();
  await once(response, 'close');
}

const envelope = (bytes: number, message = '') => {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(bytes, 1);
  return Buffer.concat([head, Buffer.from(message)]);
};

const unread: Record<string, [Sent, Code, Reason]> = {
  'JSON that is none': [{ body: '{' }, Code.InvalidArgument, Reason.MALFORMED_REQUEST],
  'bytes that are no message': [
    { type: 'application/proto', body: new Uint8Array([0xff]) },
    Code.InvalidArgument,
    Reason.MALFORMED_REQUEST,
  ],
  'a message that is too large': [
    { body: JSON.stringify({ purpose: 'x'.repeat(2000) }) },
    Code.ResourceExhausted,
    Reason.MESSAGE_TOO_LARGE,
  ],
  'a body that is not the one that was signed': [
    { headers: { 'x-signed': '1' } },
    Code.Unauthenticated,
    Reason.SIGNATURE_INVALID,
  ],
  'a gRPC-Web message that is none': [
    { type: 'application/grpc-web+proto', body: envelope(1, '\xff') },
    Code.InvalidArgument,
    Reason.MALFORMED_REQUEST,
  ],
  'a stream whose body is not the one that was signed': [
    {
      method: 'StreamContext',
      type: 'application/connect+json',
      body: envelope(2, '{}'),
      headers: { 'x-signed': '1' },
    },
    Code.Unauthenticated,
    Reason.SIGNATURE_INVALID,
  ],
  'a stream that asks for nothing': [
    { method: 'StreamContext', type: 'application/connect+json', body: envelope(2, '{}') },
    Code.InvalidArgument,
    Reason.BATCH_EMPTY,
  ],
  'a compression that nobody knows': [
    { headers: { 'content-encoding': 'weir' } },
    Code.Unimplemented,
    Reason.UNSUPPORTED,
  ],
  'a timeout that is none': [
    { headers: { 'connect-timeout-ms': 'soon' } },
    Code.InvalidArgument,
    Reason.MALFORMED_REQUEST,
  ],
};

it.each(Object.keys(unread))('%s is recorded, with who sent it', async (name) => {
  const [sent, code, reason] = unread[name] ?? [];
  if (!sent) return;
  await send(sent);
  await expect.poll(() => recordedCalls.length).toBe(1);
  expect(recordedCalls[0]).toMatchObject({ code, reason, items: [], caller: { principal: 'lin' } });
});

it('a call that came to its handler is recorded by it alone, once', async () => {
  await send({ body: JSON.stringify({ refs: [] }) });
  await send({ body: JSON.stringify({ refs: [{ type: 'DocChunk', key: 'a' }] }) });
  expect(recordedCalls.map(({ reason }) => reason)).toEqual([
    Reason.BATCH_EMPTY,
    Reason.UNSPECIFIED,
  ]);
});

it('a fault of the gate itself lets nobody in, and is recorded as what it is', async () => {
  await send({ headers: { 'x-break': '1' } });
  expect(recordedCalls).toEqual([]);
  expect(refusedCalls).toMatchObject([{ code: Code.Internal, reason: Reason.INTERNAL }]);
});
