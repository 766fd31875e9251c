// Frames of HTTP/2 (RFC 9113, sections 4 and 6), as far as a client sends them.

/** Types of frames. */
export const frameType = {
  data: 0,
  headers: 1,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

/** Flags of frames; what they mean depends on the type. */
export const frameFlag = {
  endStream: 0x1,
  ack: 0x1,
  endHeaders: 0x4,
  padded: 0x8,
  priority: 0x20,
} as const;

/** Identifiers of settings. */
export const setting = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
} as const;

export const frameHeadBytes = 9;
/** The content of a frame that we take and, until the peer allows more, send. */
export const defaultMaxFrameBytes = 16_384;
export const defaultWindowBytes = 65_535;
export const greatestWindowBytes = 2 ** 31 - 1;
export const cancelCode = 8;

const errorNames = [
  ...['NO_ERROR', 'PROTOCOL_ERROR', 'INTERNAL_ERROR', 'FLOW_CONTROL_ERROR', 'SETTINGS_TIMEOUT'],
  ...['STREAM_CLOSED', 'FRAME_SIZE_ERROR', 'REFUSED_STREAM', 'CANCEL', 'COMPRESSION_ERROR'],
  ...['CONNECT_ERROR', 'ENHANCE_YOUR_CALM', 'INADEQUATE_SECURITY', 'HTTP_1_1_REQUIRED'],
];

/** The name of an error code. */
export function errorName(code: number): string {
  return errorNames[code] ?? String(code);
}

/** Reads four bytes as a number without a sign. */
export function readUint32(bytes: Uint8Array, at: number): number {
  const low = (byteAt(bytes, at + 1) << 16) | (byteAt(bytes, at + 2) << 8) | byteAt(bytes, at + 3);
  return byteAt(bytes, at) * 0x1000000 + low;
}

/** Writes a number as four bytes. */
export function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

/** A byte that is known to be there. */
export function byteAt(bytes: Uint8Array, at: number): number {
  return bytes[at] as number;
}

/** A frame with this content. */
export function frameOf(
  type: number,
  { flags = 0, id = 0, content }: { flags?: number; id?: number; content: Uint8Array },
): Uint8Array {
  const frame = new Uint8Array(frameHeadBytes + content.length);
  writeUint32(frame, 0, content.length << 8);
  frame[3] = type;
  frame[4] = flags;
  writeUint32(frame, 5, id);
  frame.set(content, frameHeadBytes);
  return frame;
}

/** What a client says first: the preface, our settings, and a wide window for the connection. */
export function greeting(): Uint8Array {
  const settings = new Uint8Array(18);
  // Without a dynamic table the peer's blocks of headers stand for themselves.
  writeSetting(settings, 0, [setting.headerTableSize, 0]);
  writeSetting(settings, 6, [setting.enablePush, 0]);
  writeSetting(settings, 12, [setting.initialWindowSize, greatestWindowBytes]);
  return Buffer.concat([
    Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
    frameOf(frameType.settings, { content: settings }),
    windowUpdate(greatestWindowBytes - defaultWindowBytes),
  ]);
}

/** Lets the peer send so many more bytes on the connection. */
export function windowUpdate(bytes: number): Uint8Array {
  return frameOf(frameType.windowUpdate, { content: uint32(bytes) });
}

/** Gives a stream up. */
export function rstStream(id: number, code: number): Uint8Array {
  return frameOf(frameType.rstStream, { id, content: uint32(code) });
}

/** Says that no more calls come, and nothing is wrong. */
export function goaway(): Uint8Array {
  return frameOf(frameType.goaway, { content: new Uint8Array(8) });
}

function uint32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  writeUint32(bytes, 0, value);
  return bytes;
}

function writeSetting(bytes: Uint8Array, at: number, [id, value]: readonly [number, number]): void {
  bytes[at] = id >>> 8;
  bytes[at + 1] = id;
  writeUint32(bytes, at + 2, value);
}

/** What the peer may not do; it costs the connection. */
export class PeerFault extends Error {}
