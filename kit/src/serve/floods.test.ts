import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect, it, vi } from 'vitest';
import { authorization, clientOf, echoRoutes, openTestServer } from './test-server.ts';

// Peers that keep HTTP/2 busy without ever asking for anything, frame by frame.

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const type = {
  headers: 1,
  reset: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
};
const none = Buffer.alloc(0);

function frame(of: number, flags: number, stream: number, payload: Buffer = none): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(of, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** `:method POST, :scheme http, :path /, :authority x`, in HPACK. */
const request = Buffer.from([0x83, 0x86, 0x84, 0x41, 1, 0x78]);
const uint32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};

const floods: Record<string, (i: number) => Buffer> = {
  'rapid resets': (i) =>
    Buffer.concat([
      frame(type.headers, 4, 2 * i + 1, request),
      frame(type.reset, 0, 2 * i + 1, uint32(8)),
    ]),
  pings: () => frame(type.ping, 0, 0, Buffer.alloc(8)),
  settings: () => frame(type.settings, 0, 0, Buffer.from([0, 3, 0, 0, 0, 100])),
  'empty continuations': (i) =>
    i === 0 ? frame(type.headers, 0, 1, request) : frame(type.continuation, 0, 1),
  'window updates past the bound': () => frame(type.windowUpdate, 0, 0, uint32(2 ** 31 - 1)),
};

async function dial(port: number): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port });
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.write(Buffer.concat([preface, frame(type.settings, 0, 0)]));
  return socket;
}

it.each(Object.keys(floods))(
  'a flood of %s is cut, and the server lives',
  async (name) => {
    const flood = floods[name] as (i: number) => Buffer;
    await using server = await openTestServer({ routes: echoRoutes });
    const socket = await dial(server.port);
    // It does not read the acknowledgements, so that they heap up.
    socket.pause();
    let closed = false;
    socket.once('close', () => {
      closed = true;
    });
    let sent = 0;
    while (!closed && sent < 2_000_000) {
      const chunk = Buffer.concat(Array.from({ length: 500 }, (_, i) => flood(sent + i)));
      sent += 500;
      if (!socket.write(chunk)) {
        await Promise.race([once(socket, 'drain'), once(socket, 'close')]).catch(() => {});
      }
      await new Promise(setImmediate);
      if (sent % 20_000 === 0) socket.resume();
    }
    expect(closed).toBe(true);
    const refs = [{ type: 'DocChunk', key: 'a' }];
    expect((await clientOf(server).fetchContext({ refs })).results).toHaveLength(1);
  },
  60_000,
);

it('window updates without need cost nothing but their reading', async () => {
  await using server = await openTestServer({ routes: echoRoutes });
  const socket = await dial(server.port);
  const update = frame(type.windowUpdate, 0, 0, uint32(1));
  for (let i = 0; i < 100; i++) {
    if (!socket.write(Buffer.concat(Array.from({ length: 1_000 }, () => update)))) {
      await once(socket, 'drain');
    }
  }
  const refs = [{ type: 'DocChunk', key: 'a' }];
  expect((await clientOf(server).fetchContext({ refs })).results).toHaveLength(1);
  socket.destroy();
});

/** A field of a header block, in HPACK: literal, without an entry in the table. */
function field(name: string, value: string): Buffer {
  const text = (of: string) => Buffer.from([of.length, ...Buffer.from(of)]);
  return Buffer.concat([Buffer.from([0]), text(name), text(value)]);
}

/** Headers of a call whose body is still to come. */
const call = Buffer.concat([
  Buffer.from([0x83, 0x86, 0x41, 1, 0x78]),
  field(':path', '/weir.router.v1.RouterService/FetchContext'),
  field('content-type', 'application/grpc'),
  field('authorization', authorization),
]);

it.each([
  [3, false],
  [4, true],
])('of 3 streams that may be open, %d are opened: cut is %s', async (count, cut) => {
  await using server = await openTestServer({
    routes: echoRoutes,
    limits: { streamsPerConnection: 3 },
  });
  const socket = await dial(server.port);
  const told: number[] = [];
  let unread = none;
  socket.on('data', (chunk: Buffer) => {
    unread = Buffer.concat([unread, chunk]);
    while (unread.length >= 9 && unread.length >= 9 + unread.readUIntBE(0, 3)) {
      const end = 9 + unread.readUIntBE(0, 3);
      const [of, flags] = [unread.readUInt8(3), unread.readUInt8(4)];
      told.push(of);
      if (of === type.settings && flags === 0) {
        // From now on the server holds us to what it has announced.
        socket.write(frame(type.settings, 1, 0));
        for (let i = 0; i < count; i++) socket.write(frame(type.headers, 4, 2 * i + 1, call));
        socket.write(frame(type.ping, 0, 0, Buffer.alloc(8)));
      }
      unread = unread.subarray(end);
    }
  });
  // Either the ping is answered, or we are told to go away.
  await vi.waitFor(() => expect(told).toContain(cut ? type.goaway : type.ping));
  expect(told.includes(type.goaway)).toBe(cut);
  socket.destroy();
});
