import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

// HTTP/2 frame by frame (RFC 9113), for peers that no library would be.

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const HEAD_BYTES = 9;
/** The kinds of frames. */
export const kinds = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;
/** The flags of frames; that of an acknowledgement is that of an end. */
export const flags = { end: 1, ack: 1, endHeaders: 4, padded: 8 } as const;

/** What a frame holds; nothing, when left out. */
interface FrameParts {
  readonly flags?: number;
  readonly stream?: number;
  readonly payload?: Uint8Array;
}

const none = Buffer.alloc(0);

/** One frame. */
export function frameOf(
  kind: number,
  { flags: flagged = 0, stream = 0, payload = none }: FrameParts,
): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(kind, 3);
  head.writeUInt8(flagged, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** A number of 32 bits. */
export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** A setting and its value. */
export function setting(id: number, value: number): Buffer {
  return Buffer.concat([Buffer.from([0, id]), uint32(value)]);
}

/** `:method POST, :scheme http, :path /, :authority x`, in HPACK. */
export const plainHeaders: Buffer = Buffer.from([0x83, 0x86, 0x84, 0x41, 1, 0x78]);

/** The headers of a call, in HPACK: literals, without entries in the table. */
export function callHeaders(path: string, fields: Readonly<Record<string, string>>): Buffer {
  const start = Buffer.from([0x83, 0x86, 0x41, 1, 0x78]);
  const all = Object.entries({ ':path': path, ...fields });
  return Buffer.concat([start, ...all.map(([name, value]) => fieldOf(name, value))]);
}

function fieldOf(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.from([0]), textOf(name), textOf(value)]);
}

/** A text of HPACK (RFC 7541, 5.2), without Huffman's code. */
function textOf(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  const length: number[] = [];
  let left = bytes.length;
  if (left < 0x7f) length.push(left);
  else {
    length.push(0x7f);
    for (left -= 0x7f; left >= 0x80; left >>>= 7) length.push((left & 0x7f) | 0x80);
    length.push(left);
  }
  return Buffer.concat([Buffer.from(length), bytes]);
}

/** Opens a connection that has said the preface and its settings. */
export async function dialHttp2(url: string, settings: Uint8Array = none): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), noDelay: true });
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.write(Buffer.concat([preface, frameOf(kinds.settings, { payload: settings })]));
  return socket;
}

/** A frame as it came. */
export interface ReadFrame {
  readonly kind: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** Tells of every frame that comes. */
export function readFrames(socket: Socket, told: (frame: ReadFrame) => void): void {
  let unread: Buffer = none;
  socket.on('data', (chunk: Buffer) => {
    unread = Buffer.concat([unread, chunk]);
    while (unread.length >= HEAD_BYTES) {
      const end = HEAD_BYTES + unread.readUIntBE(0, 3);
      if (unread.length < end) return;
      told({
        kind: unread.readUInt8(3),
        flags: unread.readUInt8(4),
        stream: unread.readUInt32BE(5) & 0x7fffffff,
        payload: unread.subarray(HEAD_BYTES, end),
      });
      unread = unread.subarray(end);
    }
  });
}

/** So many frames are written at once. */
const CHUNK_FRAMES = 500;
/** After so many, what the other end says is read for a moment. */
const READ_EVERY = 20_000;

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
  for (let sent = 0; !closed && sent < most; sent += CHUNK_FRAMES) {
    const chunk = Array.from({ length: CHUNK_FRAMES }, (_, i) => frame(sent + i));
    if (!socket.write(Buffer.concat(chunk))) {
      await Promise.race([once(socket, 'drain'), once(socket, 'close')]).catch(() => {});
    }
    await new Promise(setImmediate);
    if (sent % READ_EVERY === 0) socket.resume();
  }
  return closed;
}
