import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

// HTTP/2 frame by frame (RFC 9113), for peers that no library would be.

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
/** The kinds of frames. */
export const kinds = {
  headers: 1,
  reset: 3,
  settings: 4,
  ping: 6,
  windowUpdate: 8,
  continuation: 9,
} as const;
/** The flag of headers that are whole. */
export const END_HEADERS = 4;

/** What a frame holds; nothing, when left out. */
interface Frame {
  readonly flags?: number;
  readonly stream?: number;
  readonly payload?: Buffer;
}

const none = Buffer.alloc(0);

/** One frame. */
export function frameOf(kind: number, { flags = 0, stream = 0, payload = none }: Frame): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(kind, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** A number of 32 bits. */
export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** `:method POST, :scheme http, :path /, :authority x`, in HPACK. */
export const plainHeaders = Buffer.from([0x83, 0x86, 0x84, 0x41, 1, 0x78]);

/** Opens a connection that has said the preface and its settings. */
export async function dialHttp2(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.write(Buffer.concat([preface, frameOf(kinds.settings, {})]));
  return socket;
}

/** Sends frames until the peer ends the connection. Returns false when it bears them all. */
export async function flood(
  socket: Socket,
  frame: (i: number) => Buffer,
  most: number,
): Promise<boolean> {
  let closed = false;
  socket.once('close', () => {
    closed = true;
  });
  // It does not read what is acknowledged, so that it heaps up.
  socket.pause();
  for (let sent = 0; !closed && sent < most; sent += 500) {
    const chunk = Buffer.concat(Array.from({ length: 500 }, (_, i) => frame(sent + i)));
    if (!socket.write(chunk)) {
      await Promise.race([once(socket, 'drain'), once(socket, 'close')]).catch(() => {});
    }
    await new Promise(setImmediate);
    if (sent % 20_000 === 0) socket.resume();
  }
  return closed;
}
