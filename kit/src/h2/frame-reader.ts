import {
  FRAME_MAX_BYTES,
  FrameFault,
  type FrameHead,
  flag,
  HEAD_BYTES,
  h2Error,
  kind,
} from './frames.ts';

/** Who takes what was read. The head is valid only during the call. */
export interface FrameSink {
  /** A piece of the content of a DATA frame without padding; `ends`: the last one of its stream. */
  data(stream: number, piece: Buffer, ends: boolean): void;
  /** Any other frame, whole. */
  frame(head: Readonly<FrameHead>, bytes: Buffer, from: number, to: number): void;
}

/**
 * Reads frames where they lie, whatever the pieces in which they come. The content of DATA is handed on as it
 * comes and never copied; other frames are copied only when they are cut.
 */
export class FrameReader {
  readonly #sink: FrameSink;
  readonly #head: FrameHead = { kind: 0, flags: 0, stream: 0 };
  /** A frame, or the head of one, that is not whole yet. */
  #cut: Buffer | undefined;
  /** What is still to come of the DATA frame that has begun. */
  #dataLeft = 0;
  #dataStream = 0;
  #dataEnds = false;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  /** Takes a chunk, whose bytes stay as they are. Throws FrameFault. */
  read(chunk: Buffer): void {
    let at = 0;
    if (this.#dataLeft > 0) at = this.#data(chunk, 0);
    if (this.#cut) {
      chunk = Buffer.concat([this.#cut, chunk]);
      this.#cut = undefined;
    }
    while (chunk.length - at >= HEAD_BYTES) {
      const length = chunk.readUIntBE(at, 3);
      if (length > FRAME_MAX_BYTES) throw new FrameFault(h2Error.frameSize, 'too long a frame');
      const stream = chunk.readUInt32BE(at + 5) & 0x7fffffff;
      const of = chunk[at + 3] as number;
      const flags = chunk[at + 4] as number;
      const content = at + HEAD_BYTES;
      if (of === kind.data && (flags & flag.padded) === 0) {
        at = this.#beginData(chunk, content, { stream, length, ends: (flags & flag.end) !== 0 });
        continue;
      }
      const end = content + length;
      if (end > chunk.length) break;
      this.#head.kind = of;
      this.#head.flags = flags;
      this.#head.stream = stream;
      this.#sink.frame(this.#head, chunk, content, end);
      at = end;
    }
    if (at < chunk.length) this.#cut = at === 0 ? chunk : chunk.subarray(at);
  }

  #beginData(
    chunk: Buffer,
    at: number,
    { stream, length, ends }: { stream: number; length: number; ends: boolean },
  ): number {
    this.#dataStream = stream;
    this.#dataEnds = ends;
    this.#dataLeft = length;
    if (length > 0) return this.#data(chunk, at);
    this.#sink.data(stream, chunk.subarray(at, at), ends);
    return at;
  }

  #data(chunk: Buffer, at: number): number {
    const to = Math.min(chunk.length, at + this.#dataLeft);
    if (to === at) return at;
    this.#dataLeft -= to - at;
    const ends = this.#dataEnds && this.#dataLeft === 0;
    this.#sink.data(this.#dataStream, chunk.subarray(at, to), ends);
    return to;
  }
}
