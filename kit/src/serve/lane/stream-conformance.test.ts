import { once } from 'node:events';
import { constants } from 'node:http2';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { trailerFlag, trailerParse } from '@connectrpc/connect/protocol-grpc-web';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import {
  RouterService,
  StreamContextRequestSchema,
  StreamContextResponseSchema,
} from '@weir/sdk/gen/weir/router/v1/router_pb';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { refuse } from '../../errors.ts';
import { openConnection, prefixed } from '../../testing/raw-calls.ts';
import { drainingKey } from '../draining.ts';
import { authorization, openTestServer, type TestServer } from '../test-server.ts';
import { framed } from './lean-frame.ts';
import type { LeanStreamMethod } from './lean-method.ts';
import { expectNothingLeft } from './test-lanes.ts';

// Streams are answered alike in all lanes: every test sends the same bytes to servers with the fast
// lane and to one without, and compares what came back, frame by frame.

const path = '/weir.router.v1.RouterService/StreamContext';
const lanes = ['fast', 'own', 'connect'] as const;
type Lane = (typeof lanes)[number];

/** What the key that is asked for makes the handler do. */
async function* answers(key: string, signal: AbortSignal, draining: AbortSignal) {
  const message = (index: number) => create(StreamContextResponseSchema, { result: { index } });
  if (key === 'refused') throw refused();
  if (key === 'none') return;
  yield message(1);
  yield message(2);
  if (key === 'broken') throw new Error('hunter2');
  if (key === 'refused later') throw refused();
  if (key === 'lasts') await once(AbortSignal.any([signal, draining]), 'abort');
  if (draining.aborted) throw refuse(Reason.OVERLOADED, 'go on elsewhere', { retryDelayMs: 50 });
}

function refused() {
  const violations = [{ field: 'fetch', description: 'odd' }];
  return refuse(Reason.SNAPSHOT_BEHIND, 'not yet: 50 % “so”', { retryDelayMs: 1_234, violations });
}

const lean: LeanStreamMethod = {
  method: RouterService.method.streamContext,
  async stream(call, message) {
    const { fetch } = fromBinary(StreamContextRequestSchema, message);
    const draining = call.values.get(drainingKey);
    for await (const one of answers(fetch?.refs[0]?.key ?? '', call.signal, draining)) {
      await call.send(framed(toBinary(StreamContextResponseSchema, one)));
    }
  },
};

const openServer = (lane: Lane) =>
  openTestServer({
    lean: lane === 'connect' ? [] : [lean],
    lasting: [RouterService.method.streamContext],
    http2: lane === 'own' ? 'own' : 'node',
    routes: (router) =>
      router.service(RouterService, {
        streamContext: ({ fetch }, { signal, values }) =>
          answers(fetch?.refs[0]?.key ?? '', signal, values.get(drainingKey)),
      }),
  });

const servers = new Map<Lane, TestServer>();
beforeAll(async () => {
  for (const lane of lanes) servers.set(lane, await openServer(lane));
});
afterAll(async () => {
  for (const server of servers.values()) await server[Symbol.asyncDispose]();
});

const types = {
  gRPC: 'application/grpc',
  'gRPC, with its encoding': 'application/grpc+proto',
  'gRPC-Web': 'application/grpc-web+proto',
  Connect: 'application/connect+proto',
} as const;

interface Sent {
  readonly type: string;
  readonly pieces: readonly Uint8Array[];
  readonly headers?: Readonly<Record<string, string | undefined>>;
}

function asking(key: string): Buffer {
  const fetch = { refs: [{ type: 'DocChunk', key }] };
  const message = create(StreamContextRequestSchema, { fetch });
  return prefixed(toBinary(StreamContextRequestSchema, message));
}

/** Sends it on a connection of its own; returns all that came back. */
async function ask(url: string, { type, pieces, headers = {} }: Sent) {
  using session = openConnection(url);
  const given = { authorization, 'x-request-id': 'r-1', 'content-type': type, ...headers };
  const known = Object.entries(given).filter(([, value]) => value !== undefined);
  const stream = session.request({
    ...{ ':method': 'POST', ':path': path },
    ...Object.fromEntries(known),
  });
  stream.on('error', () => {});
  for (const piece of pieces) stream.write(piece);
  stream.end();
  let head: Record<string, unknown> = {};
  let trailers: Record<string, unknown> = {};
  const chunks: Buffer[] = [];
  stream.on('response', (got) => {
    head = got;
  });
  stream.on('trailers', (got) => {
    trailers = got;
  });
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(stream, 'close');
  const { date: _, ...rest } = head;
  // How an error without a message is framed is the lane's.
  return {
    fields: { ...rest, ...trailers },
    frames: framesIn(Buffer.concat(chunks)),
    resetCode: stream.rstCode,
  };
}

function framesIn(body: Buffer): unknown[] {
  const frames: unknown[] = [];
  for (let at = 0; at < body.length; ) {
    const end = at + 5 + body.readUInt32BE(at + 1);
    const content = body.subarray(at + 5, end);
    const flags = body[at];
    if (flags === trailerFlag) frames.push(Object.fromEntries(trailerParse(content)));
    else if (flags === 0) frames.push(fromBinary(StreamContextResponseSchema, content));
    else frames.push(JSON.parse(content.toString()));
    at = end;
  }
  return frames;
}

/** Asks all lanes, whose answers must be one. Of what cannot be read only the fast ones tell the reason. */
async function askAll(sent: Sent, isReadable = true) {
  const [fast, own, connect] = await Promise.all(
    lanes.map((lane) => ask(servers.get(lane)?.url ?? '', sent)),
  );
  expect(own).toEqual(fast);
  if (isReadable) expect(fast).toEqual(connect);
  else {
    expect(JSON.stringify(fast)).toMatch(/details/);
    expect(withoutDetails(fast)).toEqual(withoutDetails(connect));
  }
  return fast as Awaited<ReturnType<typeof ask>>;
}

function withoutDetails(answer: unknown): unknown {
  const isDetail = (name: string) => name === 'details' || name === 'grpc-status-details-bin';
  return JSON.parse(JSON.stringify(answer, (name, value) => (isDetail(name) ? undefined : value)));
}

describe.each(Object.entries(types))('over %s', (_, type) => {
  const isConnect = type.startsWith('application/connect');
  const timeout = isConnect ? 'connect-timeout-ms' : 'grpc-timeout';
  const encoding = isConnect ? 'connect-content-encoding' : 'grpc-encoding';

  it('messages come, and the end', async () => {
    const { fields, frames, resetCode } = await askAll({ type, pieces: [asking('a')] });
    const results = frames.slice(0, 2).map((frame) => (frame as { result: object }).result);
    expect(results).toMatchObject([{ index: 1 }, { index: 2 }]);
    expect(fields).toMatchObject({ ':status': 200, 'x-request-id': 'r-1' });
    expect(resetCode).toBe(0);
  });

  const [one, other] = [asking('a'), asking('b')];
  const cases: Record<string, Omit<Sent, 'type'>> = {
    'no messages': { pieces: [asking('none')] },
    'in single bytes': { pieces: [...one].map((byte) => Buffer.of(byte)) },
    'with the encoding "identity"': { pieces: [one], headers: { [encoding]: 'identity' } },
    'with an encoding that nobody knows': { pieces: [one], headers: { [encoding]: 'zstd-9' } },
    'refused at first': { pieces: [asking('refused')] },
    'refused after some messages': { pieces: [asking('refused later')] },
    'a fault of ours after some messages': { pieces: [asking('broken')] },
    'without a credential': { pieces: [one], headers: { authorization: undefined } },
    'with another one': { pieces: [one], headers: { authorization: 'Bearer bad' } },
    'with a deadline that is not reached': {
      pieces: [one],
      headers: { [timeout]: isConnect ? '5000' : '5S' },
    },
    'with a deadline that is': {
      pieces: [asking('lasts')],
      headers: { [timeout]: isConnect ? '200' : '200m' },
    },
    'with a deadline that cannot be read': { pieces: [one], headers: { [timeout]: 'soon' } },
  };
  const unreadable: Record<string, Omit<Sent, 'type'>> = {
    'without a message': { pieces: [] },
    'with half a message': { pieces: [one.subarray(0, 9)] },
    'with two messages': { pieces: [one, other] },
    'with a message that is too large': { pieces: [prefixed(Buffer.alloc(0), 0, 5_000_000)] },
  };
  it.each(Object.entries(unreadable))('%s', async (_name, sent) => {
    const { frames } = await askAll({ type, ...sent }, false);
    expect(frames.length).toBeLessThanOrEqual(1);
  });

  it.each(Object.entries(cases))('%s', async (name, sent) => {
    const { fields, frames } = await askAll({ type, ...sent });
    const isGood = /single|identity|no messages|not reached/.test(name);
    const told = JSON.stringify([fields, frames], (_key, value) =>
      typeof value === 'bigint' ? String(value) : value,
    );
    expect(/"grpc-status":"0"|\{\}\]\]$/.test(told)).toBe(isGood);
    expect(told).not.toContain('hunter2');
  });

  it('a server that drains tells those who are told', async () => {
    const told = await Promise.all(
      lanes.map(async (lane) => {
        await using server = await openServer(lane);
        const answer = ask(server.url, { type, pieces: [asking('lasts')] });
        await atWork(server);
        void server.drain(5_000);
        return await answer;
      }),
    );
    expect(told[1]).toEqual(told[0]);
    expect(told[2]).toEqual(told[0]);
    expect(told[0]?.frames).toHaveLength(
      type.startsWith('application/grpc') ? grpcFrames(type) : 3,
    );
  });
});

/** In gRPC the end is no frame. */
function grpcFrames(type: string): number {
  return type.includes('web') ? 3 : 2;
}

/** Resolves when a stream is open, which is not among the calls at work. */
async function atWork(server: TestServer): Promise<void> {
  await vi.waitFor(async () => {
    const text = await server.metrics.text();
    expect(/^rpc_server_active_calls\{.*StreamContext.*\} (\d+)$/m.exec(text)?.[1]).toBe('1');
    expect(/^weir_calls_at_work.* (\d+)$/m.exec(text)?.[1]).toBe('0');
  });
}

it.each(lanes)('nothing is left of one whose caller has left: %s', async (lane) => {
  await using server = await openServer(lane);
  const session = openConnection(server.url);
  const headers = { authorization, 'content-type': 'application/grpc' };
  const stream = session.request({ ':method': 'POST', ':path': path, ...headers });
  stream.on('error', () => {});
  stream.end(asking('lasts'));
  await once(stream, 'data');
  await atWork(server);
  stream.close(constants.NGHTTP2_CANCEL);
  await expectNothingLeft(server);
  session.destroy();
});
