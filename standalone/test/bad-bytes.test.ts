import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { Code } from '@connectrpc/connect';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openFrame, sendFrame } from './bad-input/frames.ts';
import { frame, type Sent, sendBytes, type WireName, wires } from './bad-input/wire.ts';
import { openTestWeir, type TestWeir } from './weir.ts';

// Bytes that are no call, over every protocol: refused as the protocol says, and the next call
// is answered.

let weir: TestWeir;

beforeAll(async () => {
  weir = await openTestWeir();
});

afterAll(() => weir[Symbol.asyncDispose]());

const names = Object.keys(wires) as WireName[];
const framed = names.filter((name) => wires[name].framed);
const binary = names.filter((name) => name !== 'Connect JSON');
const target = () => ({ url: weir.weir.url, key: weir.weir.key });
const bytes = (text: string) => Buffer.from(text, 'latin1');

/** A batch of one ref, as each protocol says it. */
function goodCall(name: WireName): Sent {
  if (name === 'Connect JSON') return { body: bytes('{"refs":[{"type":"X","key":"y"}]}') };
  const message = bytes('\x0a\x06\x0a\x01X\x1a\x01y');
  return { body: wires[name].framed ? frame(message) : message };
}

/** Sends it, and then a good call, which has to be answered. */
async function send(name: WireName, sent: Sent) {
  const answer = await sendBytes(target(), name, sent);
  const good = await sendBytes(target(), name, goodCall(name));
  expect(good.status).toBe(200);
  expect(good.code).toBe(wires[name].framed ? 'OK' : undefined);
  expect(answer.text).not.toMatch(/\bat .*\.(ts|js|mjs):\d|node:internal|127\.0\.0\.1/);
  return answer;
}

/** What every protocol answers when the bytes of a message are at fault. */
function expectRefused(
  answer: Awaited<ReturnType<typeof send>>,
  name: WireName,
  code: string,
  status: number,
) {
  expect(answer.code).toBe(code);
  expect(answer.status).toBe(wires[name].framed ? 200 : status);
}

const messages: readonly [string, Buffer][] = [
  ['cut off', bytes('\x0a\x7f')],
  ['of a number without end', bytes(`\x0a${'\xff'.repeat(11)}`)],
  ['longer than itself by 2 GB', bytes('\x0a\xff\xff\xff\xff\x07')],
  ['of a wire type that is none', bytes('\x0f\x01')],
  ['of a field 0', bytes('\x00\x01')],
  ['of groups within groups', Buffer.alloc(100_000, 0x0b)],
  ['of a group that nobody opened', bytes('\x0c')],
  ['of text that is no UTF-8', bytes('\x0a\x04\x0a\x02\xff\xfe')],
  ['of noise', Buffer.from(Array.from({ length: 4096 }, (_, i) => (i * 167 + 91) % 256))],
];

describe.each(binary)('over %s, a message', (name) => {
  test.each(messages)('%s', async (_, message) => {
    const answer = await send(name, { body: wires[name].framed ? frame(message) : message });
    expectRefused(answer, name, 'InvalidArgument', 400);
  });
});

/** JSON that is no message; what is no JSON at all breaks the frame that it stands in. */
const jsons: readonly [string, string][] = [
  ['nothing', ''],
  ['cut off', '{"refs":['],
  ['of another shape', '[]'],
  ['a text', '"x"'],
  ['with half a surrogate pair', '{"refs":[{"type":"X","key":"\\ud800"}]}'],
  ['with a text for a list', '{"refs":"x"}'],
  ['with a list for a text', '{"refs":[{"key":["x"]}]}'],
  ['with a number of 400 digits', `{"minQuality":${'9'.repeat(400)}}`],
  ['with NaN', '{"minQuality":NaN}'],
  ['with a duration that is none', '{"maxAge":"soon"}'],
  ['with a duration beyond all time', '{"maxAge":"999999999999999s"}'],
  ['100,000 deep', `${'{"refs":['.repeat(100_000)}`],
  ['of no UTF-8', '{"refs":[{"key":"\xff\xfe"}]}'],
];

test.each(jsons)('JSON %s', async (_, text) => {
  const answer = await send('Connect JSON', { body: bytes(text) });
  expect(answer).toMatchObject({ status: 400, code: 'InvalidArgument' });
});

describe('over a WebSocket, a message', () => {
  test.each(messages)('%s ends its call alone', async (_, message) => {
    const form = 'weir.v1.proto';
    const told = await sendFrame(target(), form, openFrame(form, target(), { message }));
    expect(told).toMatchObject({ next: { code: 0 }, others: [{ code: Code.InvalidArgument }] });
  });

  test.each(jsons.filter(([name]) => name !== 'of no UTF-8'))('of JSON: %s', async (_, text) => {
    const form = 'weir.v1.json';
    const opened = openFrame(form, target(), { message: bytes(text) });
    const told = await sendFrame(target(), form, opened);
    const isFrame = isJson(text);
    if (!isFrame) expect(told).toEqual({ next: undefined, others: [], closed: 1007 });
    else
      expect(told).toMatchObject({ next: { code: 0 }, others: [{ code: Code.InvalidArgument }] });
  });

  test.each([
    ['of the wrong kind', 'weir.v1.proto', '{}', 1003],
    ['of the wrong kind', 'weir.v1.json', new Uint8Array([1]), 1003],
    ['that is none', 'weir.v1.proto', new Uint8Array([0x0f, 1]), 1007],
    ['that is none', 'weir.v1.json', '[]', 1007],
    ['of nothing', 'weir.v1.proto', new Uint8Array(0), 1002],
    ['of nothing', 'weir.v1.json', '{}', 1002],
    ['larger than 4 MiB', 'weir.v1.json', ' '.repeat(5_000_000), 1009],
  ] as const)('in a frame %s, %s, closes its connection', async (_, form, sent, code) => {
    const told = await sendFrame(target(), form, sent);
    expect(told).toEqual({ next: undefined, others: [], closed: code });
  });
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

describe.each(framed)('over %s, a frame', (name) => {
  const message = bytes('\x0a\x06\x0a\x01X\x1a\x01y');
  test.each([
    ['cut off in its head', bytes('\0\0\0'), ['InvalidArgument', 'DataLoss']],
    ['cut off in its message', frame(message, 0, 100), ['InvalidArgument', 'DataLoss']],
    ['that promises 4 GB', frame(message, 0, 0xffffffff), ['ResourceExhausted']],
    [
      'after a frame',
      Buffer.concat([frame(message), frame(message)]),
      ['Unimplemented', 'InvalidArgument'],
    ],
    // gRPC wants it so.
    ['compressed with nothing', frame(message, 1), ['Internal']],
    ['missing', Buffer.alloc(0), ['Unimplemented', 'InvalidArgument']],
  ])('%s', async (_, body, codes) => {
    const answer = await send(name, { body });
    expect(codes).toContain(answer.code);
  });
});

describe.each(names)('over %s', (name) => {
  const { encoding } = wires[name];
  const good = () => goodCall(name).body ?? Buffer.alloc(0);
  const packed = (compress: (data: Buffer) => Buffer) => {
    const whole = compress(Buffer.alloc(64 * 1024 * 1024, 0x20));
    return wires[name].framed ? frame(whole, 1) : whole;
  };

  test.each([
    ['gzip', gzipSync],
    [
      'br',
      (data: Buffer) =>
        brotliCompressSync(data, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } }),
    ],
  ])('a bomb of %s is refused', async (compression, compress) => {
    const body = packed(compress);
    const before = process.memoryUsage.rss();
    const answer = await send(name, { headers: { [encoding]: compression }, body });
    expectRefused(answer, name, 'ResourceExhausted', 429);
    expect(process.memoryUsage.rss() - before).toBeLessThan(256 * 1024 * 1024);
  });

  test('what is not compressed as it says is refused', async () => {
    const noise = bytes('not gzip at all');
    const body = wires[name].framed ? frame(noise, 1) : noise;
    const answer = await send(name, { headers: { [encoding]: 'gzip' }, body });
    expectRefused(answer, name, 'InvalidArgument', 400);
  });

  test('a compression that nobody knows is refused', async () => {
    const body = wires[name].framed ? frame(bytes('x'), 1) : bytes('x');
    const answer = await send(name, { headers: { [encoding]: 'zstd' }, body });
    expectRefused(answer, name, 'Unimplemented', 501);
  });

  test.each(['/weir.router.v1.RouterService/Nope', '/no.such.Service/Fetch', '/', '/%2e%2e/x'])(
    'there is nothing at %s',
    async (path) => {
      const answer = await send(name, { path, body: good() });
      expect([404, 501, 200]).toContain(answer.status);
      if (answer.status === 200) expect(answer.code).toBe('Unimplemented');
    },
  );

  test('a content type that nobody knows is refused', async () => {
    const answer = await send(name, { headers: { 'content-type': 'text/plain' }, body: good() });
    expect(answer.status).toBe(415);
  });

  test.each(['x', '-5', '1e9', '99999999999999999999'])(
    'a deadline of "%s" is refused',
    async (deadline) => {
      const header = wires[name].framed ? 'grpc-timeout' : 'connect-timeout-ms';
      const answer = await send(name, { headers: { [header]: deadline }, body: good() });
      expectRefused(answer, name, 'InvalidArgument', 400);
    },
  );
});

test('base64 in a query that is none', async () => {
  const path = '/weir.router.v1.RouterService/FetchContext';
  const query = '?connect=v1&encoding=proto&base64=1&message=%25%25';
  const headers = { authorization: `Bearer ${weir.weir.key}` };
  expect((await fetch(weir.weir.url + path + query, { headers })).status).toBe(400);
});
