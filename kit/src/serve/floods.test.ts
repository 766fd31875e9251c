import { once } from 'node:events';
import { describe, expect, it, vi } from 'vitest';
import {
  callHeaders,
  dialHttp2,
  flags,
  flood,
  frameOf,
  kinds,
  plainHeaders,
  readFrames,
  setting,
  uint32,
} from '../testing/http2-frames.ts';
import { prefixed } from '../testing/raw-calls.ts';
import {
  batchOf,
  echo,
  expectNothingLeft,
  fetchPath,
  isOwn,
  type LaneHandler,
  lanes,
  openLaneServer,
} from './lane/test-lanes.ts';
import { authorization, clientOf, type TestServer } from './test-server.ts';

// Peers that keep HTTP/2 busy without ever asking for anything, or with calls that they never end,
// frame by frame, with the fast lane and without.

const FRAMES_MAX = 2_000_000;
const FLOOD_MAX_MS = 60_000;
const { endHeaders, end } = flags;

/** Headers of a call whose body is still to come. */
const call = callHeaders(fetchPath, { 'content-type': 'application/grpc', authorization });
const stranger = callHeaders(fetchPath, { 'content-type': 'application/grpc' });
const body = prefixed(batchOf('a'));

const begin = (i: number, payload = call) =>
  frameOf(kinds.headers, { flags: endHeaders, stream: 2 * i + 1, payload });
const reset = (i: number, code = 8) =>
  frameOf(kinds.reset, { stream: 2 * i + 1, payload: uint32(code) });
const data = (i: number, payload: Uint8Array, flagged = 0) =>
  frameOf(kinds.data, { flags: flagged, stream: 2 * i + 1, payload });

const floods: Record<string, (i: number) => Buffer> = {
  'rapid resets': (i) => Buffer.concat([begin(i, plainHeaders), reset(i)]),
  'rapid resets of calls': (i) => Buffer.concat([begin(i), reset(i)]),
  'rapid resets of calls, called no error': (i) => Buffer.concat([begin(i), reset(i, 0)]),
  'rapid resets of calls of strangers': (i) => Buffer.concat([begin(i, stranger), reset(i)]),
  'rapid resets of whole calls': (i) => Buffer.concat([begin(i), data(i, body, end), reset(i)]),
  'rapid resets of half calls': (i) =>
    Buffer.concat([begin(i), data(i, body.subarray(0, 7)), reset(i)]),
  'pieces without a byte': (i) => (i === 0 ? begin(0) : data(0, Buffer.alloc(0))),
  'calls without a message': (i) => Buffer.concat([begin(i), data(i, Buffer.alloc(0), end)]),
  pings: () => frameOf(kinds.ping, { payload: Buffer.alloc(8) }),
  settings: () => frameOf(kinds.settings, { payload: setting(3, 100) }),
  'empty continuations': (i) =>
    i === 0
      ? frameOf(kinds.headers, { stream: 1, payload: call })
      : frameOf(kinds.continuation, { stream: 1 }),
  'continuations that say more': (i) =>
    i === 0
      ? frameOf(kinds.headers, { stream: 1, payload: call })
      : frameOf(kinds.continuation, { stream: 1, payload: Buffer.from('\0\x01a\x01b') }),
  'window updates past the bound': () =>
    frameOf(kinds.windowUpdate, { payload: uint32(2 ** 31 - 1) }),
  'window updates past the bound of a call': (i) =>
    i === 0
      ? begin(0)
      : frameOf(kinds.windowUpdate, { stream: 2 * i - 1, payload: uint32(2 ** 31 - 1) }),
  'window updates of nothing': () => frameOf(kinds.windowUpdate, { payload: uint32(0) }),
};

async function callsAtWork(server: TestServer): Promise<number> {
  return Number(/^weir_calls_at_work.* (\d+)$/m.exec(await server.metrics.text())?.[1]);
}

async function expectAnswered(server: TestServer): Promise<void> {
  const refs = [{ type: 'DocChunk', key: 'a' }];
  expect((await clientOf(server).fetchContext({ refs })).results).toHaveLength(1);
}

describe.each(lanes)('in the lane %s', (lane) => {
  it.each(Object.entries(floods))(
    'a flood of %s is cut, and the server lives',
    async (_, frameAt) => {
      await using server = await openLaneServer(lane);
      const socket = await dialHttp2(server.url);
      expect(await flood(socket, frameAt, FRAMES_MAX)).toBe(true);
      await expectAnswered(server);
      await expectNothingLeft(server);
    },
    FLOOD_MAX_MS,
  );

  // The RPC library counts all pieces anew for each that comes: this one takes it half a minute.
  it.skipIf(lane === 'connect')('a message in single bytes is soon read', async () => {
    const BYTES = 200_000;
    await using server = await openLaneServer(lane);
    const socket = await dialHttp2(server.url);
    const told: number[] = [];
    readFrames(socket, ({ kind, stream }) => {
      if (stream === 1) told.push(kind);
    });
    socket.write(begin(0));
    const message = prefixed(batchOf('k'.repeat(BYTES)));
    const pieces = [...message].map((_, at) => data(0, message.subarray(at, at + 1)));
    for (let at = 0; at < pieces.length; at += 1_000) {
      if (!socket.write(Buffer.concat(pieces.slice(at, at + 1_000)))) await once(socket, 'drain');
    }
    socket.write(data(0, Buffer.alloc(0), end));
    await vi.waitFor(() => expect(told).toContain(kinds.headers), 10_000);
    socket.destroy();
    await expectNothingLeft(server);
  });

  it('window updates without need cost nothing but their reading', async () => {
    await using server = await openLaneServer(lane);
    const socket = await dialHttp2(server.url);
    const update = frameOf(kinds.windowUpdate, { payload: uint32(1) });
    await flood(socket, () => update, 100_000);
    await expectAnswered(server);
    socket.destroy();
  });

  it('a peer that reads its connection no more is cut, and the server lives', async () => {
    const CALLS = 100;
    const large = 'x'.repeat(100_000);
    const begun = new Set<object>();
    const answer: LaneHandler = (request) => {
      begun.add(request);
      return { results: [{ outcome: { case: 'item', value: { etag: large } } }] };
    };
    await using server = await openLaneServer(lane, answer, { limits: { slowReaderMs: 2_000 } });
    const socket = await dialHttp2(server.url, setting(4, 2 ** 30));
    socket.pause();
    socket.write(frameOf(kinds.windowUpdate, { payload: uint32(2 ** 30) }));
    for (let i = 0; i < CALLS; i++) socket.write(Buffer.concat([begin(i), data(i, body, end)]));
    await vi.waitFor(() => expect(begun.size).toBe(CALLS), 10_000);
    // The system takes some of it, so that some calls end; the others hold what they hold.
    await vi.waitFor(async () => expect(await callsAtWork(server)).toBe(0), 20_000);
    // Once, Node wrote on for ever to a peer that hung up then.
    socket.destroy();
    await expectAnswered(server);
    await expectNothingLeft(server);
  });

  it('a peer that says GOAWAY and then breaks the protocol leaves nothing behind', async () => {
    await using server = await openLaneServer(lane);
    const socket = await dialHttp2(server.url);
    const goaway = frameOf(kinds.goaway, { payload: Buffer.alloc(8) });
    const wholeCall = frameOf(kinds.headers, { flags: endHeaders | end, stream: 1, payload: call });
    // In one packet, so that it is read in one go.
    socket.write(Buffer.concat([wholeCall, goaway, data(0, body)]));
    // A session of Node's stops there.
    const left = isOwn(lane) ? 0 : 1;
    await vi.waitFor(async () => expect(await callsAtWork(server)).toBe(left));
    socket.destroy();
    await vi.waitFor(async () => expect(await callsAtWork(server)).toBe(0), 10_000);
    await expectNothingLeft(server);
  });

  it('strangers who never end their bodies take nobody’s room', async () => {
    const callsAtWork = 50;
    await using server = await openLaneServer(lane, echo, { limits: { callsAtWork } });
    const socket = await dialHttp2(server.url);
    socket.resume();
    for (let i = 0; i < callsAtWork; i++) {
      socket.write(begin(i, stranger));
      await new Promise(setImmediate);
    }
    await vi.waitFor(() => expectAnswered(server), 3_000);
    socket.destroy();
    await expectNothingLeft(server);
  });

  it.each([
    [3, false],
    [4, true],
  ])('of 3 streams that may be open, %d are opened: cut is %s', async (count, cut) => {
    await using server = await openLaneServer(lane, echo, { limits: { streamsPerConnection: 3 } });
    const socket = await dialHttp2(server.url);
    const told: number[] = [];
    readFrames(socket, ({ kind, flags: flagged }) => {
      told.push(kind);
      if (kind !== kinds.settings || flagged !== 0) return;
      // From now on the server holds us to what it has announced.
      socket.write(frameOf(kinds.settings, { flags: flags.ack }));
      for (let i = 0; i < count; i++) socket.write(begin(i));
      socket.write(frameOf(kinds.ping, { payload: Buffer.alloc(8) }));
    });
    // Either the ping is answered, or we are told to go away; or with a stream only.
    const cutBy = isOwn(lane) ? kinds.reset : kinds.goaway;
    await vi.waitFor(() => expect(told).toContain(cut ? cutBy : kinds.ping));
    expect(told.includes(cutBy)).toBe(cut);
    socket.destroy();
    await expectNothingLeft(server);
  });
});
