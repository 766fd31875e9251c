import { once } from 'node:events';
import { createServer, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { create, toBinary } from '@bufbuild/protobuf';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createAsyncIterable } from '@connectrpc/connect/protocol';
import { createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { expect, test } from 'vitest';
import { EventService, SubscribeResponseSchema } from '../src/gen/weir/events/v1/events_pb.ts';
import { withLeanStreams } from '../src/node-streams.ts';

// A stream is read as the library reads it, whatever comes: each test has both read the same bytes.

const READ_MAX_BYTES = 1024 * 1024;
const head = { ':status': 200, 'content-type': 'application/grpc+proto' };

function framed(cursor: string, flags = 0): Buffer {
  const message = toBinary(SubscribeResponseSchema, create(SubscribeResponseSchema, { cursor }));
  const prefix = Buffer.from([flags, 0, 0, 0, 0]);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

type Answer = (stream: ServerHttp2Stream) => void;

/** Answers with bytes in pieces of a size, and then with trailers. */
const answering =
  (bytes: Buffer, pieceBytes: number, trailers?: Record<string, string>): Answer =>
  (stream) => {
    stream.respond(head, { waitForTrailers: trailers !== undefined });
    stream.on('wantTrailers', () => trailers && stream.sendTrailers(trailers));
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      stream.write(bytes.subarray(at, at + pieceBytes));
    }
    stream.end();
  };

const good = { 'grpc-status': '0' };
const bad = { 'grpc-status': '7', 'grpc-message': 'no%20entry' };
const two = Buffer.concat([framed('a'), framed('b')]);
const large = framed('x'.repeat(500_000));
const answers: Record<string, Answer> = {
  'messages in one piece': answering(two, 1_000, good),
  'messages in single bytes': answering(two, 1, good),
  'messages in odd pieces': answering(Buffer.concat([two, two]), 4, good),
  'a large message between small ones': answering(Buffer.concat([two, large, two]), 9_999, good),
  'an empty message': answering(Buffer.concat([Buffer.alloc(5), two]), 100, good),
  'no message': answering(Buffer.alloc(0), 1, good),
  'an error at once': (stream) => stream.respond({ ...head, ...bad }, { endStream: true }),
  'an error after messages': answering(two, 100, bad),
  'no status': answering(two, 100),
  'half a message': answering(two.subarray(0, -1), 100, good),
  'half a prefix': answering(Buffer.concat([two, Buffer.alloc(3)]), 100, good),
  'a message that is too large': answering(framed('x'.repeat(READ_MAX_BYTES)), 9_999, good),
  'a compressed message': answering(framed('a', 1), 100, good),
  'what is no message': answering(Buffer.from([0, 0, 0, 0, 2, 0xff, 0xff]), 100, good),
  'another protocol': (stream) => {
    stream.respond({ ':status': 502, 'content-type': 'text/html' });
    stream.end('<p>');
  },
  'a stream that is refused': (stream) => stream.close(7),
  'a stream that is reset amidst': (stream) => {
    stream.respond(head);
    stream.write(framed('a'));
    setTimeout(() => stream.close(8), 20);
  },
};

async function open(answer: Answer) {
  const server = createServer();
  const closed: number[] = [];
  server.on('stream', (stream: ServerHttp2Stream) => {
    stream.on('error', () => {});
    stream.on('close', () => closed.push(stream.rstCode));
    answer(stream);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const sessionManager = new Http2SessionManager(baseUrl);
  const options = { baseUrl, sessionManager, readMaxBytes: READ_MAX_BYTES };
  const inner = createGrpcTransport({ ...options, acceptCompression: [] });
  const transport = withLeanStreams(inner, options);
  const client = createClient(EventService, transport);
  return {
    closed,
    transport,
    /** With a deadline it is the library that reads. */
    read: (by: 'us' | 'the library', signal?: AbortSignal) =>
      client.subscribe(
        { topics: ['*'] },
        { timeoutMs: by === 'us' ? 0 : 60_000, ...(signal && { signal }) },
      ),
    [Symbol.dispose]() {
      sessionManager.abort();
      server.close();
    },
  };
}

async function outcomeOf(messages: AsyncIterable<{ cursor: string }>) {
  const cursors: string[] = [];
  try {
    for await (const { cursor } of messages) cursors.push(cursor);
    return { cursors };
  } catch (error) {
    const { code, rawMessage, isWireError } = ConnectError.from(error);
    return { cursors, code: Code[code], rawMessage, isWireError };
  }
}

test.each(Object.entries(answers))('%s', async (_, answer) => {
  using server = await open(answer);
  const theirs = await outcomeOf(server.read('the library'));
  expect(await outcomeOf(server.read('us'))).toEqual(theirs);
});

const lasting: Answer = (stream) => {
  stream.respond(head);
  stream.write(two);
};

test('who wants no more of it leaves', async () => {
  using server = await open(lasting);
  const input = createAsyncIterable([{ topics: ['*'] }]);
  const { subscribe } = EventService.method;
  const { message } = await server.transport.stream(subscribe, undefined, 0, undefined, input);
  for await (const { cursor } of message) if (cursor === 'b') break;
  for (let looks = 0; looks < 100 && server.closed.length === 0; looks++) await sleep(10);
  expect(server.closed).toEqual([8]);
});

test.each([
  ['by who asked', undefined, Code.Canceled],
  ['with a reason', new ConnectError('nothing came', Code.Unavailable), Code.Unavailable],
])('it is ended %s', async (_, reason, code) => {
  using server = await open(lasting);
  const stop = new AbortController();
  const reading = outcomeOf(server.read('us', stop.signal));
  setTimeout(() => stop.abort(reason), 50);
  expect(await reading).toMatchObject({ cursors: ['a', 'b'], code: Code[code] });
  expect(await outcomeOf(server.read('us', stop.signal))).toMatchObject({ code: Code[code] });
});
