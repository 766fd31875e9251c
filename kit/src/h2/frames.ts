// Frames of HTTP/2 (RFC 9113, sections 4 to 7).

/** Kinds of frames. */
export const kind = {
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

/** Flags of frames; what they mean depends on the kind. */
export const flag = { end: 1, ack: 1, endHeaders: 4, padded: 8, priority: 0x20 } as const;

/** Settings. */
export const setting = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
} as const;

/** Codes of errors. */
export const h2Error = {
  none: 0,
  protocol: 1,
  internal: 2,
  flowControl: 3,
  streamClosed: 5,
  frameSize: 6,
  refusedStream: 7,
  cancel: 8,
  compression: 9,
  calm: 11,
} as const;

export const HEAD_BYTES = 9;
/** The greatest content of a frame that is taken, and that is sent until the peer allows more. */
export const FRAME_MAX_BYTES = 16_384;
export const WINDOW_BYTES = 65_535;
export const WINDOW_MAX_BYTES = 2 ** 31 - 1;
export const preface: Buffer = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** What a peer may not do; it costs the connection, with this code. */
export class FrameFault extends Error {
  readonly code: number;

  constructor(code: number, text: string) {
    super(text);
    this.code = code;
  }
}

/** What breaks the protocol's rules. */
export function protocolFault(text: string): FrameFault {
  return new FrameFault(h2Error.protocol, text);
}

/** The content of a frame, which has so many bytes. Throws FrameFault. */
export function ofLength(content: Buffer, length: number): Buffer {
  if (content.length !== length) throw new FrameFault(h2Error.frameSize, 'a frame of another size');
  return content;
}

/** The head of a frame. */
export interface FrameHead {
  kind: number;
  flags: number;
  stream: number;
}

/** Writes the head of a frame; returns where its content goes. */
export function putHead(
  bytes: Uint8Array,
  at: number,
  { kind: of, flags, stream, length }: FrameHead & { readonly length: number },
): number {
  bytes[at] = length >>> 16;
  bytes[at + 1] = length >>> 8;
  bytes[at + 2] = length;
  bytes[at + 3] = of;
  bytes[at + 4] = flags;
  putUint32(bytes, at + 5, stream);
  return at + HEAD_BYTES;
}

/** A frame as bytes. */
export function frameOf(of: number, stream: number, content: Uint8Array, flags = 0): Buffer {
  const frame = Buffer.allocUnsafe(HEAD_BYTES + content.length);
  frame.set(content, putHead(frame, 0, { kind: of, flags, stream, length: content.length }));
  return frame;
}

export function putUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  putUint32(bytes, 0, value);
  return bytes;
}

/** SETTINGS with these. */
export function settingsFrame(settings: readonly (readonly [id: number, value: number])[]): Buffer {
  const each = settings.map(([id, value]) => Buffer.concat([Buffer.of(0, id), uint32(value)]));
  return frameOf(kind.settings, 0, Buffer.concat(each));
}

export function resetFrame(stream: number, code: number): Buffer {
  return frameOf(kind.reset, stream, uint32(code));
}

export function windowFrame(stream: number, bytes: number): Buffer {
  return frameOf(kind.windowUpdate, stream, uint32(bytes));
}

export function goawayFrame(lastStream: number, code: number): Buffer {
  return frameOf(kind.goaway, 0, Buffer.concat([uint32(lastStream), uint32(code)]));
}
