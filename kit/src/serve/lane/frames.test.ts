import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  callHeaders,
  dialHttp2,
  flags,
  frameOf,
  kinds,
  plainHeaders,
  readFrames,
  setting,
  uint32,
} from '../../testing/http2-frames.ts';
import { bodyOf, callProtocols, prefixed } from '../../testing/raw-calls.ts';
import { authorization, clientOf, type TestServer } from '../test-server.ts';
import {
  batchOf,
  echo,
  expectNothingLeft,
  fetchPath,
  type LaneHandler,
  openLaneServer,
} from './test-lanes.ts';

// Valid frames that no client would send in this way, against the fast lane: the server lives, others are
// answered meanwhile, and nothing is left. WEIR_TEST_SEED sets another seed.

const seed = Number(process.env.WEIR_TEST_SEED || 1);
const RUNS = 150;
const ANSWER_BYTES = 100_000;
const { end, endHeaders, padded } = flags;

const types = { grpc: 'application/grpc', connect: 'application/proto' } as const;
const headersOf = (protocol: keyof typeof types, more = {}) =>
  callHeaders(fetchPath, { 'content-type': types[protocol], authorization, ...more });

const large = 'x'.repeat(ANSWER_BYTES);
const handle: LaneHandler = async (request, one) => {
  switch (request.refs[0]?.key) {
    case 'large':
      return { results: [{ outcome: { case: 'item', value: { etag: large } } }] };
    case 'slow':
      await new Promise((resolve) => {
        const late = setTimeout(resolve, 20);
        one.signal.addEventListener('abort', () => {
          clearTimeout(late);
          resolve(undefined);
        });
      });
      return echo(request, one);
    case 'broken':
      throw new Error('hunter2');
    default:
      return echo(request, one);
  }
};

let server: TestServer;

const data = (stream: number, payload: Uint8Array, flagged = 0) =>
  frameOf(kinds.data, { flags: flagged, stream, payload });
/** The same with padding behind it. */
const paddedData = (stream: number, payload: Uint8Array, padding: number, flagged = 0) =>
  data(
    stream,
    Buffer.concat([Buffer.of(padding), payload, Buffer.alloc(padding)]),
    flagged | padded,
  );
const begin = (stream: number, payload: Uint8Array, flagged = 0) =>
  frameOf(kinds.headers, { flags: endHeaders | flagged, stream, payload });
const windowUpdate = (stream: number, by: number) =>
  frameOf(kinds.windowUpdate, { stream, payload: uint32(by) });

/** What comes back on a connection: the bytes of each stream, and which have ended. */
function listen(socket: Socket) {
  const bytes = new Map<number, number>();
  const ended = new Set<number>();
  const reset = new Map<number, number>();
  readFrames(socket, ({ kind, flags: flagged, stream, payload }) => {
    if (kind === kinds.data) bytes.set(stream, (bytes.get(stream) ?? 0) + payload.length);
    if ((kind === kinds.data || kind === kinds.headers) && (flagged & end) !== 0) ended.add(stream);
    if (kind === kinds.reset) reset.set(stream, payload.readUInt32BE());
  });
  return { bytes, ended, reset };
}

async function expectAnswered(): Promise<void> {
  const refs = [{ type: 'DocChunk', key: 'a' }];
  expect((await clientOf(server).fetchContext({ refs })).results).toHaveLength(1);
}

/** Something that a peer does. */
type Step =
  | { readonly does: 'write'; readonly frame: Buffer }
  | { readonly does: 'wait'; readonly ms: number }
  | { readonly does: 'cut' };

const write = (frame: Buffer): Step => ({ does: 'write', frame });
const streamId = fc.nat({ max: 15 }).map((i) => 2 * i + 1);
const keys = fc.constantFrom('a', 'large', 'slow', 'broken');
const wireBody = fc
  .tuple(fc.constantFrom(...callProtocols), keys)
  .map(([protocol, key]) => bodyOf(protocol, batchOf(key)));
const anyHeaders = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...callProtocols).map((one) => headersOf(one)) },
  fc.constantFrom(...callProtocols).map((one) => headersOf(one, { 'grpc-timeout': '30m' })),
  fc.constantFrom(...callProtocols).map((one) => headersOf(one, { authorization: 'Bearer bad' })),
  fc.constantFrom(...callProtocols).map((one) => headersOf(one, { 'content-length': '40' })),
  fc.constant(headersOf('grpc', { 'grpc-encoding': 'gzip' })),
  fc.constant(headersOf('grpc', { 'content-type': 'application/grpc+json' })),
  fc.constant(plainHeaders),
);
const pieces = fc.oneof(
  { weight: 4, arbitrary: wireBody },
  fc.tuple(wireBody, fc.nat(20)).map(([bytes, cut]) => bytes.subarray(0, cut)),
  fc.tuple(wireBody, fc.nat(20)).map(([bytes, cut]) => bytes.subarray(cut)),
  fc.constant(prefixed(batchOf('a'), 0, 5 * 1024 * 1024)),
  fc.constant(prefixed(batchOf('a'), 1)),
  fc.uint8Array({ maxLength: 60 }),
);
const code = fc.nat({ max: 15 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .tuple(streamId, anyHeaders, fc.boolean())
      .map(([stream, headers, ends]) => write(begin(stream, headers, ends ? end : 0))),
  },
  {
    weight: 10,
    arbitrary: fc
      .tuple(streamId, pieces, fc.boolean(), fc.option(fc.nat(255)))
      .map(([stream, bytes, ends, padding]) =>
        write(
          padding === null
            ? data(stream, bytes, ends ? end : 0)
            : paddedData(stream, bytes, padding, ends ? end : 0),
        ),
      ),
  },
  {
    // A whole call.
    weight: 8,
    arbitrary: fc
      .tuple(streamId, fc.constantFrom(...callProtocols), keys)
      .map(([stream, protocol, key]) =>
        write(
          Buffer.concat([
            begin(stream, headersOf(protocol)),
            data(stream, bodyOf(protocol, batchOf(key)), end),
          ]),
        ),
      ),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(streamId, code)
      .map(([stream, as]) => write(frameOf(kinds.reset, { stream, payload: uint32(as) }))),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(fc.oneof(fc.constant(0), streamId), fc.constantFrom(1, 100, 100_000, 2 ** 31 - 1, 0))
      .map(([stream, by]) => write(windowUpdate(stream, by))),
  },
  {
    weight: 2,
    arbitrary: fc
      .constantFrom(
        setting(4, 0),
        setting(4, 1),
        setting(4, 100_000),
        setting(5, 16_384),
        setting(1, 0),
        setting(6, 100),
      )
      .map((payload) => write(frameOf(kinds.settings, { payload }))),
  },
  fc.constant(write(frameOf(kinds.ping, { payload: Buffer.alloc(8) }))),
  fc
    .tuple(streamId, streamId)
    .map(([stream, on]) =>
      write(
        frameOf(kinds.priority, { stream, payload: Buffer.concat([uint32(on), Buffer.of(9)]) }),
      ),
    ),
  code.map((as) =>
    write(frameOf(kinds.goaway, { payload: Buffer.concat([uint32(0), uint32(as)]) })),
  ),
  { weight: 3, arbitrary: fc.nat(15).map((ms): Step => ({ does: 'wait', ms })) },
  fc.constant<Step>({ does: 'cut' }),
);

/** Streams may only be opened in their order: they are named anew as they are opened. */
function inOrder(steps: readonly Step[]): Step[] {
  const named = new Map<number, number>();
  let next = 1;
  return steps.map((one) => {
    if (one.does !== 'write') return one;
    const frame = Buffer.from(one.frame);
    for (let at = 0; at < frame.length; at += 9 + frame.readUIntBE(at, 3)) {
      const stream = frame.readUInt32BE(at + 5);
      if (stream === 0) continue;
      if (frame[at + 3] === kinds.headers && !named.has(stream)) {
        named.set(stream, next);
        next += 2;
      }
      frame.writeUInt32BE(named.get(stream) ?? stream, at + 5);
    }
    return { does: 'write', frame };
  });
}

async function play(steps: readonly Step[]): Promise<void> {
  const socket = await dialHttp2(server.url);
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.resume();
  for (const one of inOrder(steps)) {
    if (socket.destroyed) break;
    if (one.does === 'write') socket.write(one.frame);
    else if (one.does === 'wait') await sleep(one.ms);
    else socket.destroy();
  }
  await new Promise(setImmediate);
  socket.destroy();
  await closed;
}

describe.each(['fast', 'own'] as const)('in the lane %s', (lane) => {
  beforeAll(async () => {
    server = await openLaneServer(lane, handle, {
      limits: { defaultTimeoutMs: 1_000, slowReaderMs: 500, callsAtWork: 50 },
    });
  });

  afterAll(() => server[Symbol.asyncDispose]());

  describe.each(callProtocols)('over %s', (protocol) => {
    const body = bodyOf(protocol, batchOf('a', 'b'));

    it('a body may be cut anywhere, padded, and empty in between', async () => {
      const socket = await dialHttp2(server.url);
      const { ended, bytes } = listen(socket);
      let stream = 1;
      const streams: number[] = [];
      for (let cut = 0; cut <= body.length; cut++) {
        const [first, last] = [body.subarray(0, cut), body.subarray(cut)];
        const ways = [
          [data(stream, first), data(stream, last, end)],
          [data(stream + 2, first), data(stream + 2, Buffer.alloc(0)), data(stream + 2, last, end)],
          [paddedData(stream + 4, first, cut), paddedData(stream + 4, last, 255, end)],
          [data(stream + 6, first), data(stream + 6, last), data(stream + 6, Buffer.alloc(0), end)],
        ];
        for (const [i, frames] of ways.entries()) {
          streams.push(stream + 2 * i);
          socket.write(begin(stream + 2 * i, headersOf(protocol)));
          // In a packet of its own each, so that they are read one by one.
          for (const frame of frames) {
            socket.write(frame);
            await new Promise(setImmediate);
          }
        }
        stream += 2 * ways.length;
        await vi.waitFor(() => expect(streams.every((one) => ended.has(one))).toBe(true));
      }
      const sizes = new Set(streams.map((one) => bytes.get(one)));
      expect(sizes.size).toBe(1);
      socket.destroy();
    });

    it('trailers behind the message change nothing', async () => {
      const socket = await dialHttp2(server.url);
      const { ended, bytes } = listen(socket);
      const trailers = Buffer.from('\0\x01a\x01b', 'latin1');
      socket.write(begin(1, headersOf(protocol)));
      socket.write(Buffer.concat([data(1, body), begin(1, trailers, end)]));
      await vi.waitFor(() => expect(ended.has(1)).toBe(true));
      expect(bytes.get(1)).toBeGreaterThan(0);
      socket.destroy();
    });

    it('headers that are all there is are answered', async () => {
      const socket = await dialHttp2(server.url);
      const { ended } = listen(socket);
      socket.write(begin(1, headersOf(protocol), end));
      await vi.waitFor(() => expect(ended.has(1)).toBe(true));
      socket.destroy();
    });

    it('an answer may be read byte by byte', async () => {
      const socket = await dialHttp2(server.url, setting(4, 0));
      const { ended, bytes } = listen(socket);
      socket.write(begin(1, headersOf(protocol)));
      socket.write(data(1, bodyOf(protocol, batchOf('large')), end));
      // That of the connection is large enough for it.
      socket.write(windowUpdate(0, 1_000_000));
      let given = 0;
      while (!ended.has(1) && given < 2 * ANSWER_BYTES) {
        socket.write(Buffer.concat(Array.from({ length: 100 }, () => windowUpdate(1, 1))));
        given += 100;
        if (given % 1_000 === 0) await sleep(1);
      }
      await vi.waitFor(() => expect(ended.has(1)).toBe(true));
      expect(bytes.get(1)).toBeGreaterThan(ANSWER_BYTES);
      socket.destroy();
    });

    it('a window may shrink below nothing in the midst of an answer, and grow again', async () => {
      const socket = await dialHttp2(server.url, setting(4, 20_000));
      const { ended, bytes } = listen(socket);
      socket.write(windowUpdate(0, 1_000_000));
      socket.write(begin(1, headersOf(protocol)));
      socket.write(data(1, bodyOf(protocol, batchOf('large')), end));
      await vi.waitFor(() => expect(bytes.get(1)).toBe(20_000));
      const resize = (bytes: number) =>
        socket.write(frameOf(kinds.settings, { payload: setting(4, bytes) }));
      resize(0);
      await sleep(20);
      expect(ended.has(1)).toBe(false);
      resize(10_000);
      resize(200_000);
      await vi.waitFor(() => expect(ended.has(1)).toBe(true));
      socket.destroy();
    });
  });

  it(`frames in any order leave nothing behind, with WEIR_TEST_SEED=${seed}`, async () => {
    const steps = fc.array(step, { minLength: 1, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(fc.array(steps, { minLength: 1, maxLength: 3 }), async (peers) => {
        const playing = Promise.all(peers.map(play));
        await expectAnswered();
        await playing;
        await vi.waitFor(async () => {
          const text = await server.metrics.text();
          expect(text).toMatch(/^weir_calls_at_work\{.* 0$/m);
          expect(text).toMatch(/^rpc_server_active_calls\{.*FetchContext.* 0$/m);
          // A body that does not come is waited for ten seconds.
        }, 20_000);
      }),
      // What is left is left for the runs that follow: nothing could be shrunk.
      { seed, numRuns: RUNS, endOnFailure: true },
    );
  }, 300_000);

  it('in the end nothing is left', () => expectNothingLeft(server));
});
