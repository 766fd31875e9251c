import {
  byteAt,
  defaultMaxFrameBytes,
  frameFlag,
  frameHeadBytes,
  frameType,
  PeerFault,
  readUint32,
} from './frames.ts';

/** The head of a frame. */
export interface FrameHead {
  type: number;
  flags: number;
  id: number;
}

/** Who takes what was read. Bytes and heads are valid only during the call. */
export interface FrameSink {
  /** A part of the content of a DATA frame; `ends`: the last one of its stream. */
  data(id: number, bytes: Uint8Array, from: number, to: number, ends: boolean): void;
  /** Any other frame, whole; DATA only when it is padded. */
  frame(head: Readonly<FrameHead>, bytes: Uint8Array, from: number, to: number): void;
}

/**
 * Reads frames where they lie, whatever the pieces that they come in. Content of DATA is handed on
 * as it comes and never copied; other frames are copied only when they are cut.
 */
export class FrameReader {
  readonly #sink: FrameSink;
  readonly #head: FrameHead = { type: 0, flags: 0, id: 0 };
  /** A frame, or the head of one, that is not whole yet. */
  readonly #kept = new Uint8Array(frameHeadBytes + defaultMaxFrameBytes);
  #keptBytes = 0;
  /** What is still to come of the DATA frame that has begun. */
  #dataLeft = 0;
  #dataId = 0;
  #dataEnds = false;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  /** Takes the bytes before `end`. Throws when they are no frames. */
  read(bytes: Uint8Array, end: number): void {
    let at = 0;
    while (at < end) {
      if (this.#dataLeft > 0) at = this.#readData(bytes, at, end);
      else if (this.#keptBytes > 0) at = this.#readCut(bytes, at, end);
      else at = this.#readFrame(bytes, at, end);
    }
  }

  #readFrame(bytes: Uint8Array, at: number, end: number): number {
    const left = end - at;
    if (left < frameHeadBytes) return this.#keep(bytes, at, end);
    const content = at + frameHeadBytes;
    const length = lengthAt(bytes, at);
    if (isPlainData(bytes, at)) {
      this.#beginData(bytes, at, length);
      return length === 0 ? content : this.#readData(bytes, content, end);
    }
    if (left < frameHeadBytes + length) return this.#keep(bytes, at, end);
    this.#give(bytes, at, content + length);
    return content + length;
  }

  #beginData(bytes: Uint8Array, at: number, length: number): void {
    this.#dataId = idAt(bytes, at);
    this.#dataEnds = (byteAt(bytes, at + 4) & frameFlag.endStream) !== 0;
    this.#dataLeft = length;
    const content = at + frameHeadBytes;
    if (length === 0) this.#sink.data(this.#dataId, bytes, content, content, this.#dataEnds);
  }

  #readData(bytes: Uint8Array, at: number, end: number): number {
    const to = Math.min(end, at + this.#dataLeft);
    this.#dataLeft -= to - at;
    if (to > at) {
      this.#sink.data(this.#dataId, bytes, at, to, this.#dataEnds && this.#dataLeft === 0);
    }
    return to;
  }

  /** Goes on with a frame that was cut: first to its whole head, then to all of it. */
  #readCut(bytes: Uint8Array, at: number, end: number): number {
    const kept = this.#kept;
    if (this.#keptBytes < frameHeadBytes) {
      const to = Math.min(end, at + frameHeadBytes - this.#keptBytes);
      this.#keep(bytes, at, to);
      if (this.#keptBytes < frameHeadBytes) return to;
      const length = lengthAt(kept, 0);
      if (isPlainData(kept, 0)) {
        this.#keptBytes = 0;
        this.#beginData(kept, 0, length);
      } else if (length === 0) this.#giveKept();
      return to;
    }
    const whole = frameHeadBytes + lengthAt(kept, 0);
    const to = Math.min(end, at + whole - this.#keptBytes);
    this.#keep(bytes, at, to);
    if (this.#keptBytes === whole) this.#giveKept();
    return to;
  }

  #giveKept(): void {
    const whole = this.#keptBytes;
    this.#keptBytes = 0;
    this.#give(this.#kept, 0, whole);
  }

  #give(bytes: Uint8Array, at: number, to: number): void {
    const head = this.#head;
    head.type = byteAt(bytes, at + 3);
    head.flags = byteAt(bytes, at + 4);
    head.id = idAt(bytes, at);
    this.#sink.frame(head, bytes, at + frameHeadBytes, to);
  }

  #keep(bytes: Uint8Array, from: number, to: number): number {
    this.#kept.set(bytes.subarray(from, to), this.#keptBytes);
    this.#keptBytes += to - from;
    return to;
  }
}

function lengthAt(bytes: Uint8Array, at: number): number {
  const length = (byteAt(bytes, at) << 16) | (byteAt(bytes, at + 1) << 8) | byteAt(bytes, at + 2);
  if (length > defaultMaxFrameBytes) throw new PeerFault(`a frame of ${length} bytes`);
  return length;
}

function idAt(bytes: Uint8Array, at: number): number {
  return readUint32(bytes, at + 5) & 0x7fffffff;
}

function isPlainData(bytes: Uint8Array, at: number): boolean {
  return bytes[at + 3] === frameType.data && (byteAt(bytes, at + 4) & frameFlag.padded) === 0;
}
