import { once } from 'node:events';
import { request } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import {
  callHeaders,
  dialHttp2,
  flags,
  flood,
  frameOf,
  kinds,
  plainHeaders,
  setting,
  uint32,
} from '@weir/kit/testing/http2-frames';
import { afterAll, beforeAll, expect } from 'vitest';
import { frame, type WireName, wires } from '../bad-input/wire.ts';
import { scrape } from '../scrape.ts';
import { until } from '../weir.ts';
import { attack, attacks } from './attack.ts';
import { leaks } from './canary.ts';
import { openWorld, type World } from './world.ts';

let world: World;

beforeAll(async () => {
  world = await openWorld();
  await world.introduce(world.admin, 'wired');
});

afterAll(() => world[Symbol.asyncDispose]());

const fetchPath = '/weir.router.v1.RouterService/FetchContext';
const FRAMES_MAX = 2_000_000;
const FLOOD_MAX_MS = 60_000;

/** The server lives when others are answered. */
async function expectAlive(): Promise<void> {
  const [outcome] = await world.admin.fetch(['Wired/a']);
  expect(outcome?.ok).toBe(true);
}

const floods: Record<string, (i: number) => Buffer> = {
  'resets of what was just asked (rapid reset)': (i) =>
    Buffer.concat([
      frameOf(kinds.headers, { flags: flags.endHeaders, stream: 2 * i + 1, payload: plainHeaders }),
      frameOf(kinds.reset, { stream: 2 * i + 1, payload: uint32(8) }),
    ]),
  pings: () => frameOf(kinds.ping, { payload: Buffer.alloc(8) }),
  settings: () => frameOf(kinds.settings, { payload: Buffer.from([0, 3, 0, 0, 0, 100]) }),
  'continuations of headers without end': (i) =>
    i === 0
      ? frameOf(kinds.headers, { stream: 1, payload: plainHeaders })
      : frameOf(kinds.continuation, { stream: 1 }),
  'headers that grow with each continuation': (i) =>
    i === 0
      ? frameOf(kinds.headers, { stream: 1, payload: plainHeaders })
      : frameOf(kinds.continuation, { stream: 1, payload: Buffer.from('\0\x01a\x01b') }),
  'windows past their bound': () => frameOf(kinds.windowUpdate, { payload: uint32(2 ** 31 - 1) }),
  'frames on streams that nobody opened': (i) =>
    frameOf(kinds.windowUpdate, { stream: 2 * i + 1, payload: uint32(1) }),
};

const INITIAL_WINDOW = 4;
const FRAME_BYTES = 16_384;
const ONE_REF = '\x0a\x0a\x0a\x05Wired\x1a\x01a';
/** Refs whose values, which hold their keys, come to more than a connection takes that nobody reads. */
const LARGE_REFS = Buffer.from(
  `\x0a\xf2\x07\x0a\x05Wired\x1a\xe8\x07${'k'.repeat(1_000)}`.repeat(60),
  'latin1',
);

/** Frames of calls, which have the fast lane. */
const calling = (key: string | undefined, refs = Buffer.from(ONE_REF, 'latin1')) => {
  const payload = callHeaders(fetchPath, {
    'content-type': 'application/grpc',
    ...(key !== undefined && { authorization: `Bearer ${key}` }),
  });
  const body = frame(refs);
  const data = Array.from({ length: Math.ceil(body.length / FRAME_BYTES) }, (_, i) =>
    body.subarray(i * FRAME_BYTES, (i + 1) * FRAME_BYTES),
  );
  return {
    begin: (stream: number) => frameOf(kinds.headers, { flags: flags.endHeaders, stream, payload }),
    end: (stream: number) =>
      Buffer.concat(
        data.map((payload, i) =>
          frameOf(kinds.data, { flags: i === data.length - 1 ? flags.end : 0, stream, payload }),
        ),
      ),
    reset: (stream: number, code = 8) => frameOf(kinds.reset, { stream, payload: uint32(code) }),
  };
};
type Calling = ReturnType<typeof calling>;

const callFloods: Record<string, (call: Calling, i: number) => Buffer[]> = {
  'calls that are reset at once': (call, i) => [call.begin(i), call.reset(i)],
  'calls that are reset without a fault': (call, i) => [call.begin(i), call.reset(i, 0)],
  'whole calls that are reset': (call, i) => [call.begin(i), call.end(i), call.reset(i)],
  'whole calls whose answers nobody reads': (call, i) => [call.begin(i), call.end(i)],
};

const callers: Record<string, () => string | undefined> = {
  'somebody who is let in': () => world.adminKey,
  'a stranger': () => undefined,
};

for (const [who, keyOf] of Object.entries(callers)) {
  for (const [says, framesAt] of Object.entries(callFloods)) {
    attack(
      'http2-flood',
      `${says}, by ${who}`,
      async () => {
        const call = calling(keyOf());
        const socket = await dialHttp2(world.url);
        const frameAt = (i: number) => Buffer.concat(framesAt(call, 2 * i + 1));
        expect(await flood(socket, frameAt, FRAMES_MAX)).toBe(true);
        await expectAlive();
        await expectNothingHeld();
      },
      FLOOD_MAX_MS,
    );
  }
}

/** What calls hold that are not over. */
async function held(): Promise<string> {
  const text = await scrape(world.router.opsPort);
  const counts = /^(weir_calls_at_work|weir_answers_held_bytes)(?:\{.*\})? (\d+)$/gm;
  const found = [...text.matchAll(counts)].map(([, name, count]) => `${name} ${count}`);
  return found.sort().join();
}

/** Calls that are over hold nothing. */
async function expectNothingHeld(): Promise<void> {
  const nothing = 'weir_answers_held_bytes 0,weir_calls_at_work 0';
  await until(async () => (await held()) === nothing, 'nothing is held', FLOOD_MAX_MS);
}

for (const [says, windowBytes] of Object.entries({
  'takes nothing of its answers': 0,
  'reads its connection no more': 2 ** 30,
})) {
  attack(
    'slow-peer',
    `asks for much, and ${says}`,
    async () => {
      const call = calling(world.adminKey, LARGE_REFS);
      const socket = await dialHttp2(world.url, setting(INITIAL_WINDOW, windowBytes));
      socket.pause();
      socket.write(frameOf(kinds.windowUpdate, { payload: uint32(2 ** 30) }));
      for (let stream = 1; stream < 200; stream += 2) {
        socket.write(Buffer.concat([call.begin(stream), call.end(stream)]));
        // In an overload they would be refused.
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      expect(await held()).not.toMatch(/ 0/);
      await expectAlive();
      await expectNothingHeld();
      socket.destroy();
      await expectAlive();
    },
    2 * FLOOD_MAX_MS,
  );
}

for (const [says, frameAt] of Object.entries(floods)) {
  attack(
    'http2-flood',
    says,
    async () => {
      const socket = await dialHttp2(world.url);
      expect(await flood(socket, frameAt, FRAMES_MAX)).toBe(true);
      await expectAlive();
    },
    FLOOD_MAX_MS,
  );
}

attack('http2-flood', 'windows opened byte by byte cost nothing but their reading', async () => {
  const socket = await dialHttp2(world.url);
  const update = frameOf(kinds.windowUpdate, { payload: uint32(1) });
  await flood(socket, () => update, 100_000);
  await expectAlive();
  socket.destroy();
});

const dawdles: Record<string, string> = {
  'says nothing': '',
  'says half a preface': 'PRI * HT',
  'says a preface and nothing': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'never ends its headers': `POST ${fetchPath} HTTP/1.1\r\nhost: x\r\nx-slow: `,
};

attack('slow-peer', 'says nothing, or stops in the midst of a word', async () => {
  const cut = Object.entries(dawdles).map(async ([says, said]) => {
    const socket = connect(Number(new URL(world.url).port), '127.0.0.1');
    socket.on('error', () => {});
    socket.write(said);
    // It is cut long before the test would be.
    await once(socket.resume(), 'close');
    return says;
  });
  expect(await Promise.all(cut)).toEqual(Object.keys(dawdles));
  await expectAlive();
});

attack('slow-peer', 'sends a body letter by letter, or never', async () => {
  const session = connectHttp2(world.url);
  const stream = session.request({
    ':path': fetchPath,
    ':method': 'POST',
    'content-type': 'application/grpc',
    authorization: `Bearer ${world.adminKey}`,
  });
  stream.on('error', () => {});
  const drip = setInterval(() => stream.write(Buffer.from([0])), 500);
  await once(stream.resume(), 'close');
  clearInterval(drip);
  session.destroy();
  await expectAlive();
});

const MESSAGE_BYTES = 64 * 1024 * 1024;
const bombs: Record<string, () => { encoding: string; body: Buffer }> = {
  gzip: () => ({ encoding: 'gzip', body: gzipSync(Buffer.alloc(MESSAGE_BYTES)) }),
  'gzip within gzip': () => ({
    encoding: 'gzip',
    body: gzipSync(gzipSync(Buffer.alloc(MESSAGE_BYTES))),
  }),
  br: () => ({
    encoding: 'br',
    body: brotliCompressSync(Buffer.alloc(MESSAGE_BYTES), {
      params: { [constants.BROTLI_PARAM_QUALITY]: 4 },
    }),
  }),
};

attacks('decompression-bomb', bombs, async (make) => {
  const { encoding, body } = make();
  const before = process.memoryUsage().arrayBuffers;
  for (const name of Object.keys(wires) as WireName[]) {
    const wire = wires[name];
    const answer = await world.send(name, {
      path: fetchPath,
      headers: { [wire.encoding]: encoding },
      body: wire.framed ? frame(body, 1) : body,
    });
    expect(answer.code).toMatch(/^(ResourceExhausted|InvalidArgument|Unimplemented)$/);
  }
  // It was not unpacked to its end.
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(MESSAGE_BYTES);
  await expectAlive();
});

attacks(
  'host-rebinding',
  {
    'a page of another origin': { origin: 'https://evil.example' },
    'a page whose own name leads here': { origin: 'http://evil.example', host: 'evil.example' },
    'a page of no origin that can be told': { origin: 'null' },
    'a page of another port of this host': { origin: 'http://127.0.0.1:1' },
  },
  async (headers) => {
    const { hostname, port } = new URL(world.url);
    const asked = request({
      ...{ host: hostname, port, path: '/ws' },
      headers: {
        ...{ connection: 'upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' },
        ...{ 'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==' },
        'sec-websocket-protocol': 'weir.v1.json',
        ...headers,
      },
    });
    asked.end();
    const [response] = await once(asked, 'response');
    expect(response.statusCode).toBe(403);
    response.resume();
    await expectAlive();
  },
);

attack('canary-secret', 'what was said of floods, bombs and slow peers', async () => {
  expect(leaks(await world.close(), world.secrets)).toEqual([]);
});
