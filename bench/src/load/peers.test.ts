import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import hpack from 'hpack.js';
import { expect, it } from 'vitest';
import type { LoadResult } from '../model.ts';
import { answerBytes } from '../values.ts';
import { type FrameHead, FrameReader } from './frame-reader.ts';
import { frameFlag, frameOf, frameType } from './frames.ts';
import { runJob } from './run-job.ts';
import {
  answerGrpc,
  countsOf,
  freshBody,
  grpcMessage,
  jobFor,
  openHttp2Peer,
  openRawPeer,
} from './testing.ts';

// Peers that do what they like with their frames, and peers that break.

const prefaceBytes = 24;
const settings = frameOf(frameType.settings, { content: Buffer.of() });

/** A raw peer with settings; what it does with a frame, or a whole request, is up to the test. */
function openFramePeer(
  answer: (socket: Socket, id: number) => void,
  frame: (socket: Socket, head: FrameHead) => void = () => {},
) {
  return openRawPeer((socket) => {
    let skip = prefaceBytes;
    const reader = new FrameReader({
      data: (id, _bytes, _from, _to, ends) => ends && answer(socket, id),
      frame: (head) => frame(socket, head),
    });
    socket.write(settings);
    socket.on('data', (chunk) => {
      const from = Math.min(skip, chunk.length);
      skip -= from;
      reader.read(chunk.subarray(from), chunk.length - from);
    });
  });
}

function block(fields: Readonly<Record<string, string>>, huffman = false): Buffer {
  const compressor = hpack.compressor.create({ table: { maxSize: 0 } });
  compressor.write(Object.entries(fields).map(([name, value]) => ({ name, value, huffman })));
  return Buffer.concat(Array.from({ length: 1_000 }, () => compressor.read() ?? Buffer.of()));
}

const { endHeaders, endStream, padded, priority } = frameFlag;

/** A good answer in all kinds of frames: cut and padded headers, padded and empty data. */
function odd(id: number): Buffer {
  const head = block({ ':status': '200', 'content-type': 'application/grpc' });
  const message = grpcMessage(answerBytes(1, 20));
  const inPadding = (content: Uint8Array) =>
    Buffer.concat([Buffer.of(3), content, Buffer.alloc(3)]);
  const weight = Buffer.alloc(5);
  return Buffer.concat([
    frameOf(frameType.headers, { id, flags: endHeaders, content: block({ ':status': '103' }) }),
    frameOf(frameType.headers, {
      ...{ id, flags: padded | priority },
      content: Buffer.concat([Buffer.of(2), weight, head.subarray(0, 5), Buffer.alloc(2)]),
    }),
    frameOf(frameType.continuation, { id, content: head.subarray(5, 6) }),
    frameOf(frameType.continuation, { id, flags: endHeaders, content: head.subarray(6) }),
    frameOf(frameType.data, { id, content: message.subarray(0, 3) }),
    frameOf(frameType.ping, { content: Buffer.alloc(8) }),
    frameOf(frameType.data, { id, flags: padded, content: inPadding(message.subarray(3, 40)) }),
    frameOf(frameType.data, { id, content: Buffer.of() }),
    frameOf(0xee, { id, content: Buffer.from('nobody knows this type') }),
    frameOf(frameType.data, { id, content: message.subarray(40) }),
    frameOf(frameType.headers, {
      ...{ id, flags: endHeaders | endStream },
      content: block({ 'grpc-status': '0', 'grpc-message': 'all is well' }, true),
    }),
    frameOf(frameType.rstStream, { id, content: Buffer.alloc(4) }),
  ]);
}

it('takes all kinds of frames, cut anywhere', async () => {
  const length = odd(1).length;
  const rate = 500;
  let cut = 0;
  // One answer after the other, as they must not be mixed.
  let last = Promise.resolve();
  const answer = async (socket: Socket, id: number) => {
    const bytes = odd(id);
    const at = cut++;
    socket.write(bytes.subarray(0, at));
    await sleep(1);
    socket.write(bytes.subarray(at));
  };
  await using peer = await openFramePeer((socket, id) => {
    last = last.then(() => answer(socket, id));
  });
  const durationMs = (length / rate) * 1_000;
  const result = await runJob(
    jobFor(peer, { load: { kind: 'open', rate }, durationMs, timeoutMs: 20_000 }),
  );
  expect(cut).toBe(length);
  expect(countsOf(result)).toEqual({ sent: length, ok: length, errors: {} });
});

it('takes an answer byte by byte', async () => {
  await using peer = await openFramePeer((socket, id) => {
    let at = 0;
    const answer = odd(id);
    const timer = setInterval(() => {
      if (at < answer.length) socket.write(answer.subarray(at, ++at));
      else clearInterval(timer);
    }, 1);
  });
  const result = await runJob(jobFor(peer, { load: { kind: 'closed', concurrency: 1 } }));
  expect(countsOf(result)).toEqual({ sent: 1, ok: 1, errors: {} });
});

it('reads the same from pieces of every size', () => {
  const bytes = Buffer.concat([odd(1), odd(3), odd(5)]);
  const whole = readIn(bytes, bytes.length);
  expect(whole).toContain('ends 5');
  for (let size = 1; size < bytes.length; size++) expect(readIn(bytes, size)).toBe(whole);
});

/** What a reader tells of bytes that come in pieces: the parts of data joined again. */
function readIn(bytes: Buffer, size: number): string {
  const told: string[] = [];
  let data = '';
  const reader = new FrameReader({
    data(_id, from, start, end) {
      data += Buffer.from(from.subarray(start, end)).toString('hex');
    },
    frame({ type, flags, id }, from, start, end) {
      told.push(data, `${type} ${flags} ${Buffer.from(from.subarray(start, end)).toString('hex')}`);
      if ((flags & endStream) !== 0 && type === frameType.headers) told.push(`ends ${id}`);
      data = '';
    },
  });
  for (let at = 0; at < bytes.length; at += size) {
    const piece = new Uint8Array(bytes.subarray(at, at + size));
    reader.read(piece, piece.length);
  }
  return told.join('\n');
}

it('gives a body up whose call was answered before it was taken', async () => {
  const given = new Set<number>();
  await using peer = await openFramePeer(
    () => {},
    (socket, { type, id }) => {
      if (type === frameType.headers) socket.write(odd(id));
      if (type === frameType.rstStream) given.add(id);
    },
  );
  const body = freshBody(100_000);
  const result = await runJob(
    jobFor(peer, {
      durationMs: 50,
      load: { kind: 'open', rate: 100 },
      traffic: { bodies: [body] },
    }),
  );
  expect(countsOf(result)).toEqual({ sent: 5, ok: 5, errors: {} });
  expect(given).toEqual(new Set([1, 3, 5, 7, 9]));
});

/** Calls all of whose connections break, while new ones take their place. */
async function loadBroken(serve: (socket: Socket) => void): Promise<LoadResult> {
  await using peer = await openRawPeer((socket) => {
    socket.write(settings);
    socket.once('data', () => socket.once('data', () => serve(socket)));
  });
  return await runJob(jobFor(peer, { connections: 2, timeoutMs: 300 }));
}

it.each<[fault: string, (socket: Socket) => void]>([
  ['connection closed', (socket) => socket.end()],
  ['connection: ECONNRESET', (socket) => socket.resetAndDestroy()],
  ['broken HTTP/2: a frame of 4740180 bytes', (socket) => socket.write('HTTP/1.1 400 Bad Request')],
  [
    'broken HTTP/2: a block of headers that cannot be read',
    (socket) =>
      socket.write(
        frameOf(frameType.headers, { id: 1, flags: endHeaders, content: Buffer.of(0xff, 0xff) }),
      ),
  ],
  [
    'broken HTTP/2: a block of headers without an end',
    (socket) => {
      socket.write(frameOf(frameType.headers, { id: 1, content: Buffer.of(0x88) }));
      socket.write(settings);
    },
  ],
  [
    'broken HTTP/2: a push that we do not want',
    (socket) => socket.write(frameOf(frameType.pushPromise, { id: 1, content: Buffer.alloc(4) })),
  ],
  [
    'GOAWAY ENHANCE_YOUR_CALM',
    (socket) =>
      socket.write(frameOf(frameType.goaway, { content: Buffer.of(0, 0, 0, 0, 0, 0, 0, 11) })),
  ],
])('counts the calls of a broken connection: %s', async (fault, serve) => {
  const result = await loadBroken(serve);
  expect(result.sent).toBe(40);
  expect(result.ok).toBe(0);
  expect(result.errors[fault]).toBeGreaterThan(1);
  const { [fault]: broken = 0, 'no answer': late = 0 } = result.errors;
  expect(broken + late).toBe(40);
});

it.each([
  ['garbage', 'SSH-2.0-nothing of ours\r\n', 'broken HTTP/2'],
  [
    'a frame that is no settings',
    frameOf(frameType.ping, { content: Buffer.alloc(8) }),
    'settings',
  ],
])('opens no connection to %s', async (_, greeting, text) => {
  await using peer = await openRawPeer((socket) => void socket.write(greeting));
  await expect(runJob(jobFor(peer))).rejects.toThrow(text);
});

it('takes another connection when the peer wants no more calls on one', async () => {
  const sessions = new Set();
  let calls = 0;
  await using peer = await openHttp2Peer((stream) => {
    sessions.add(stream.session);
    if (++calls % 3 === 0) stream.session?.goaway(0);
    answerGrpc(stream);
  });
  const load = { kind: 'closed', concurrency: 1 } as const;
  const result = await runJob(jobFor(peer, { load, durationMs: 1_000 }));
  expect(sessions.size).toBeGreaterThan(1);
  expect(result.errors).toEqual({});
  expect(result.ok).toBe(calls);
});
