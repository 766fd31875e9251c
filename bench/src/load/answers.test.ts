import { create, toBinary } from '@bufbuild/protobuf';
import { ItemResultSchema } from '@weir/sdk/gen/weir/context/v1/context_pb';
import { FetchContextResponseSchema } from '@weir/sdk/gen/weir/router/v1/router_pb';
import { expect, it } from 'vitest';
import type { Traffic } from '../model.ts';
import { answerBytes } from '../values.ts';
import { runJob } from './run-job.ts';
import {
  type Answer,
  answerGrpc,
  countsOf,
  grpcMessage,
  jobFor,
  openHttp2Peer,
} from './testing.ts';

/** At 200 a second, for 200 ms. */
const calls = 40;

async function load(answer: Answer, traffic: Partial<Traffic> = {}) {
  // Megabytes that all answers under way may take.
  await using peer = await openHttp2Peer(answer, { maxSessionMemory: 1_000 });
  return await runJob(jobFor(peer, { traffic }));
}

it('counts good answers, and looks some of them through', async () => {
  const result = await load((stream) => answerGrpc(stream));
  expect(countsOf(result)).toEqual({ sent: calls, ok: calls, errors: {} });
  expect(result.checked).toBeGreaterThanOrEqual(16);
  expect(result.latency.count).toBe(calls);
  expect(result.refusedLatency).toBeUndefined();
  expect(result.overTime.reduce((sum, moment) => sum + moment.calls, 0)).toBe(calls);
  expect(result.bytesRead).toBeGreaterThan(100);
});

it('counts good answers of the Connect protocol', async () => {
  const result = await load(
    (stream) => {
      stream.respond({ ':status': 200 });
      stream.end(answerBytes(1, 100));
    },
    { protocol: 'connect' },
  );
  expect(countsOf(result)).toEqual({ sent: calls, ok: calls, errors: {} });
  expect(result.checked).toBeGreaterThanOrEqual(16);
});

it('takes answers of a mebibyte', async () => {
  const answer = answerBytes(1, 2 ** 20);
  const result = await load((stream) => answerGrpc(stream, answer));
  expect(countsOf(result)).toEqual({ sent: calls, ok: calls, errors: {} });
  expect(result.checked).toBeGreaterThanOrEqual(16);
});

it('takes a refusal that does not say when to call again for another fault', async () => {
  const bare = await load((stream) => {
    stream.respond({ ':status': 200, 'grpc-status': '14' }, { endStream: true });
  });
  expect(bare.errors).toEqual({ 'grpc-status 14 without details': calls });
  expect(bare.refusedLatency).toBeUndefined();
});

it('knows a call that was refused for overload', async () => {
  const refused = await load((stream) => {
    const status = { 'grpc-status': '14', 'grpc-status-details-bin': 'CA4' };
    stream.respond({ ':status': 200, ...status }, { endStream: true });
  });
  expect(countsOf(refused)).toEqual({ sent: calls, ok: 0, errors: { 'grpc-status 14': calls } });
  expect(refused.refusedLatency?.count).toBe(calls);
  const connect = await load(
    (stream) => {
      stream.respond({ ':status': 503 });
      stream.end('{"code":"unavailable"}');
    },
    { protocol: 'connect' },
  );
  expect(countsOf(connect)).toEqual({ sent: calls, ok: 0, errors: { 'grpc-status 14': calls } });
  expect(connect.refusedLatency?.count).toBe(calls);
  expect(connect.latency.count).toBe(0);
});

const trailing = (status: string, message: Uint8Array): Answer => {
  return (stream) => {
    stream.respond({ ':status': 200 }, { waitForTrailers: true });
    stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': status }));
    stream.end(message);
  };
};
const whole = grpcMessage(answerBytes(1, 100));
const nothing: Answer = (stream) => stream.respond({ ':status': 200 }, { endStream: true });
const withoutItem = toBinary(
  FetchContextResponseSchema,
  create(FetchContextResponseSchema, {
    results: [create(ItemResultSchema, { outcome: { case: 'refusal', value: {} } })],
  }),
);

it.each<[fault: string, Answer]>([
  ['grpc-status 13', trailing('13', whole)],
  ['grpc-status 14', trailing('14', whole)],
  ['grpc-status NaN', trailing('', whole)],
  ['no message', trailing('0', Buffer.of())],
  ['message of another length than announced', trailing('0', whole.subarray(0, -1))],
  ['message of another length than announced', trailing('0', Buffer.concat([whole, whole]))],
  ['compressed message', trailing('0', Buffer.concat([Buffer.of(1), whole.subarray(1)]))],
  ['no grpc-status', nothing],
  ['http 404', (stream) => stream.respond({ ':status': 404 }, { endStream: true })],
  ['RST_STREAM REFUSED_STREAM', (stream) => stream.close(7)],
])('names what is wrong: %s', async (fault, answer) => {
  const result = await load(answer);
  expect(countsOf(result)).toEqual({ sent: calls, ok: 0, errors: { [fault]: calls } });
  expect(result.refusedLatency).toBeUndefined();
});

it('names an answer that ends without trailers', async () => {
  const result = await load((stream) => {
    stream.respond({ ':status': 200 });
    stream.end(whole);
  });
  expect(countsOf(result)).toEqual({ sent: calls, ok: 0, errors: { 'no trailers': calls } });
});

it.each<[fault: string, message: Uint8Array]>([
  ['wrong number of results', answerBytes(2, 100)],
  ['result without an item', withoutItem],
  ['not a FetchContextResponse', Buffer.of(0x0a, 0xff)],
])('looks through a sample: %s', async (fault, message) => {
  const result = await load((stream) => answerGrpc(stream, message));
  expect(result.errors).toEqual({ [fault]: result.checked });
  expect(result.checked).toBeGreaterThanOrEqual(16);
  expect(result.ok).toBe(calls - result.checked);
});

it('takes refusals as results where they are allowed', async () => {
  const result = await load((stream) => answerGrpc(stream, withoutItem), { refusalsAllowed: true });
  expect(countsOf(result)).toEqual({ sent: calls, ok: calls, errors: {} });
});
