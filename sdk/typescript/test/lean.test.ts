import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type ClientHttp2Session, connect, constants, type IncomingHttpHeaders } from 'node:http2';
import { setTimeout as wait } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import {
  CallRequestSchema,
  CallResponseSchema,
  FetchRequestSchema,
  FetchResponseSchema,
} from '../src/gen/weir/provider/v1/provider_pb.ts';
import { openProviderServer, type ProviderServer } from '../src/provider/server.ts';
import { defineContext, defineOperation, defineProvider, ProviderError } from '../src/provider.ts';

// Fetch and Call are answered by a lean server, unless there is something unusual about their headers:
// then by the RPC library, which is how both are asked here for the same.

vi.setConfig({ testTimeout: 30_000 });

const token = 'a-token';
let aborted = 0;
const provider = defineProvider({
  name: 'lean',
  version: '1.0.0',
  contexts: [
    defineContext<unknown>({
      type: 'Text',
      version: '1.0.0',
      fetch: async ({ key, signal }) => {
        const [kind, rest] = key.split('/');
        if (kind === 'missing') return undefined;
        if (kind === 'refuse') throw new ProviderError(Code.Unavailable, 'not now');
        if (kind === 'size') return { value: 'x'.repeat(Number(rest)) };
        if (kind === 'hang') {
          await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
          aborted += 1;
        }
        return { value: { key } };
      },
    }),
  ],
  operations: [
    defineOperation({
      name: 'count',
      call: async ({ progress }) => {
        progress(1, { total: 2 });
        await wait(10);
        return { done: true };
      },
    }),
    defineOperation({
      name: 'noise',
      call: async ({ progress }) => {
        progress(1, { total: 2 });
        await wait(1);
        return { noise: randomBytes(2_000_000).toString('base64') };
      },
    }),
  ],
});

let server: ProviderServer;
let session: ClientHttp2Session;

beforeAll(async () => {
  const options = { host: '127.0.0.1', port: 0, token, onFault: () => {} };
  server = await openProviderServer(() => provider, options);
  session = connect(`http://127.0.0.1:${server.port}`);
  session.on('error', () => {});
});

afterAll(async () => {
  session.destroy();
  await server.close();
});

interface Answer {
  readonly status: string | undefined;
  readonly text: string;
  readonly messages: readonly Buffer[];
  readonly headers: IncomingHttpHeaders;
}

type Ask = Readonly<Record<string, string>>;

function open(method: string, more: Ask) {
  return session.request({
    ':method': 'POST',
    ':path': `/weir.provider.v1.ProviderService/${method}`,
    'content-type': 'application/grpc+proto',
    authorization: `Bearer ${token}`,
    te: 'trailers',
    ...more,
  });
}

async function ask(method: string, body: Uint8Array, more: Ask = {}): Promise<Answer> {
  const stream = open(method, more);
  const pieces: Buffer[] = [];
  let headers: IncomingHttpHeaders = {};
  let end: IncomingHttpHeaders = {};
  stream.on('response', (head) => {
    headers = head;
  });
  stream.on('trailers', (trailers) => {
    end = trailers;
  });
  stream.on('data', (piece: Buffer) => pieces.push(piece));
  stream.on('error', () => {});
  // Who is refused need not be done with writing.
  stream.on('end', () => stream.close());
  stream.end(body);
  await once(stream, 'close');
  const last = { ...headers, ...end };
  return {
    status: last['grpc-status'] as string | undefined,
    text: decodeURIComponent(String(last['grpc-message'] ?? '')),
    messages: framesIn(Buffer.concat(pieces)),
    headers,
  };
}

function frame(message: Uint8Array, flag = 0): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(flag, 0);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

function framesIn(bytes: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 5 + bytes.readUInt32BE(at + 1);
    const message = bytes.subarray(at + 5, end);
    found.push(bytes[at] === 1 ? gunzipSync(message) : message);
    at = end;
  }
  return found;
}

function fetchOf(...keys: string[]): Buffer {
  const queries = keys.map((key) => ({ type: 'Text', typeVersion: '1.0.0', key }));
  return frame(toBinary(FetchRequestSchema, create(FetchRequestSchema, { queries })));
}

function callOf(operation: string): Buffer {
  const request = create(CallRequestSchema, { operation, wantsProgress: true });
  return frame(toBinary(CallRequestSchema, request));
}

/** The library is asked by a header that says that messages may be packed. */
const lanes = [
  ['the lean server', {}],
  ['the library', { 'grpc-encoding': 'gzip' }],
] as const;

describe.each(lanes)('%s', (_, lane) => {
  test('answers a batch', async () => {
    const { status, messages, headers } = await ask(
      'Fetch',
      fetchOf('a', 'missing', 'refuse'),
      lane,
    );
    expect(status).toBe('0');
    expect(headers[':status']).toBe(200);
    const results = messages.flatMap((each) => fromBinary(FetchResponseSchema, each).results);
    const kinds = results.map(({ index, outcome }) => [index, outcome.case]);
    expect(kinds.sort()).toEqual([
      [0, 'content'],
      [1, 'notFound'],
      [2, 'failure'],
    ]);
  });

  test('tells progress and then the result', async () => {
    const { status, messages } = await ask('Call', callOf('count'), lane);
    const kinds = messages.map((each) => fromBinary(CallResponseSchema, each).message.case);
    expect([status, ...kinds]).toEqual(['0', 'progress', 'result']);
  });

  test('takes a request in pieces of any size', async () => {
    const body = fetchOf('a'.repeat(500));
    const stream = open('Fetch', lane);
    let status: unknown;
    stream.on('trailers', (trailers) => {
      status = trailers['grpc-status'];
    });
    stream.resume();
    for (const byte of body) stream.write(Buffer.of(byte));
    stream.end();
    await once(stream, 'close');
    expect(status).toBe('0');
  });

  test.each([
    ['no message', Buffer.alloc(0), Code.Unimplemented],
    ['half a prefix', Buffer.from([0, 0, 0]), Code.InvalidArgument],
    ['half a message', fetchOf('a').subarray(0, 12), Code.InvalidArgument],
    ['two messages', Buffer.concat([fetchOf('a'), fetchOf('b')]), Code.Unimplemented],
    ['bytes that are no message', frame(Buffer.from([0xff, 0xff, 0xff])), Code.Internal],
    ['a length that is a lie', Buffer.from([0, 255, 255, 255, 255, 1]), Code.ResourceExhausted],
  ])('refuses %s', async (_name, body, code) => {
    const { status, messages } = await ask('Fetch', body, lane);
    expect([Code[Number(status)], messages.length]).toEqual([Code[code], 0]);
  });

  test('needs the token', async () => {
    const wrong = { ...lane, authorization: 'Bearer another' };
    const { status, text } = await ask('Fetch', fetchOf('a'), wrong);
    expect([status, text]).toEqual([String(Code.Unauthenticated), expect.stringMatching(/token/)]);
  });

  test('ends a call when its time is over, and tells the function', async () => {
    const before = aborted;
    const late = { ...lane, 'grpc-timeout': '100m' };
    const { status } = await ask('Fetch', fetchOf('hang'), late);
    expect(status).toBe(String(Code.DeadlineExceeded));
    await vi.waitFor(() => expect(aborted).toBe(before + 1));
  });

  test('tells the function when the router leaves', async () => {
    const before = aborted;
    const stream = open('Fetch', lane);
    stream.on('error', () => {});
    stream.end(fetchOf('hang'));
    await wait(100);
    stream.close();
    await vi.waitFor(() => expect(aborted).toBe(before + 1));
  });

  test('packs what is large for who takes that', async () => {
    const accepting = { ...lane, 'grpc-accept-encoding': 'identity, gzip' };
    const large = await ask('Fetch', fetchOf('size/200000'), accepting);
    const [message = new Uint8Array()] = large.messages;
    const { results } = fromBinary(FetchResponseSchema, message);
    const outcome = results[0]?.outcome;
    expect(outcome?.case === 'content' && outcome.value.payload.length).toBe(200_000);
    expect(large.headers['grpc-encoding']).toBe('gzip');
  });

  test('sends parts as fast as they are read', async () => {
    const { status, messages } = await ask('Fetch', fetchOf('size/9000000'), lane);
    const sizes = messages.flatMap((each) =>
      fromBinary(FetchResponseSchema, each).results.map(({ outcome }) => {
        if (outcome.case === 'content') return outcome.value.payload.length;
        return outcome.case === 'part' ? outcome.value.data.length : Number.NaN;
      }),
    );
    expect([status, sizes.reduce((sum, size) => sum + size, 0)]).toEqual(['0', 9_000_000]);
  });

  test('survives whatever bytes come', async () => {
    for (let round = 0; round < 50; round += 1) {
      const { status } = await ask('Fetch', randomBytes(Math.ceil(Math.random() * 64)), lane);
      expect(status).not.toBe('0');
    }
    expect((await ask('Fetch', fetchOf('a'), lane)).status).toBe('0');
  });
});

test('the lean server refuses a message that goes on and on', async () => {
  const { status } = await ask('Fetch', frame(Buffer.alloc(4 * 1024 * 1024 + 1)));
  expect(status).toBe(String(Code.ResourceExhausted));
});

test.each([
  ['a time that cannot be read', { 'grpc-timeout': 'soon' }],
  ['a time beyond all', { 'grpc-timeout': '99999999H' }],
])('%s is the library’s to refuse', async (_, more) => {
  expect((await ask('Fetch', fetchOf('a'), more)).status).toBe(String(Code.InvalidArgument));
});

test('a call that is late while its last message is packed ends once', async () => {
  const slow = connect(`http://127.0.0.1:${server.port}`, { settings: { initialWindowSize: 0 } });
  await once(slow, 'remoteSettings');
  const calls = [10, 20, 40, 60, 80, 100, 120].map(async (ms) => {
    const stream = slow.request({
      ':method': 'POST',
      ':path': '/weir.provider.v1.ProviderService/Call',
      'content-type': 'application/grpc',
      authorization: `Bearer ${token}`,
      'grpc-accept-encoding': 'gzip',
      'grpc-timeout': `${ms}m`,
    });
    const ends: unknown[] = [];
    // What fails before its first message has its status in the headers.
    for (const event of ['response', 'trailers']) {
      stream.on(event, (told) => 'grpc-status' in told && ends.push(told['grpc-status']));
    }
    stream.on('error', () => {}).resume();
    // Packing that takes a while.
    stream.end(callOf('noise'));
    await once(stream, 'close');
    // One that was packed in time, and not read in time, is cut.
    return { status: ends.join(), isCut: stream.rstCode === constants.NGHTTP2_CANCEL };
  });
  // Until all of it has been packed.
  await wait(1500);
  slow.settings({ initialWindowSize: 8 * 1024 * 1024 });
  const late = { status: String(Code.DeadlineExceeded), isCut: false };
  const cut = { status: '', isCut: true };
  for (const call of await Promise.all(calls)) expect([late, cut]).toContainEqual(call);
  slow.destroy();
  expect((await ask('Fetch', fetchOf('a'))).status).toBe('0');
});

test('an answer may be read for as long as the call has time', async () => {
  const slow = connect(`http://127.0.0.1:${server.port}`, { settings: { initialWindowSize: 0 } });
  await once(slow, 'remoteSettings');
  const stream = slow.request({
    ':method': 'POST',
    ':path': '/weir.provider.v1.ProviderService/Fetch',
    'content-type': 'application/grpc',
    authorization: `Bearer ${token}`,
    'grpc-timeout': '25S',
  });
  const ended = once(stream, 'trailers');
  stream.resume().end(fetchOf('a'));
  // Longer than an error is waited for.
  await wait(11_000);
  slow.settings({ initialWindowSize: 1024 * 1024 });
  const [trailers] = await ended;
  expect(trailers['grpc-status']).toBe('0');
  slow.destroy();
});

test('a router that goes on sending after the end is not waited for', async () => {
  const stream = open('Fetch', { 'grpc-timeout': '50m' });
  stream.on('error', () => {}).resume();
  const answered = once(stream, 'response');
  stream.write(fetchOf('a').subarray(0, 7));
  const [headers] = await answered;
  expect(headers['grpc-status']).toBe(String(Code.DeadlineExceeded));
  await once(stream, 'close');
});

test('a provider that stops ends what is under way', async () => {
  const options = { host: '127.0.0.1', port: 0, token: undefined, onFault: () => {} };
  const own = await openProviderServer(() => provider, options);
  const client = connect(`http://127.0.0.1:${own.port}`);
  client.on('error', () => {});
  const stream = client.request({
    ':method': 'POST',
    ':path': '/weir.provider.v1.ProviderService/Fetch',
    'content-type': 'application/grpc',
  });
  const answered = once(stream, 'response');
  stream.end(fetchOf('hang'));
  await wait(100);
  const closed = own.close();
  const [headers] = await answered;
  expect(headers['grpc-status']).toBe(String(Code.Unavailable));
  await closed;
});
