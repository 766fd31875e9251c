/** The largest part that is sent of a value; a router takes up to 1 MiB. */
export const partBytes = 256 * 1024;

/** A value that is read piece by piece, such as a `ReadableStream` of Node. */
export type ByteStream = AsyncIterable<Uint8Array>;

/** Whether a value is read piece by piece. */
export function isByteStream(value: unknown): value is ByteStream {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

/** Cuts bytes into parts. */
export function* cutToParts(bytes: Uint8Array): Generator<Uint8Array> {
  for (let from = 0; from < bytes.length; from += partBytes) {
    yield bytes.subarray(from, from + partBytes);
  }
}

/**
 * The parts of a stream, which must hold as many bytes as its author said.
 *
 * @throws {TypeError} when it holds fewer or more, or something other than bytes.
 */
export async function* partsOfStream(
  stream: ByteStream,
  sizeBytes: number,
): AsyncGenerator<Uint8Array> {
  let read = 0;
  for await (const piece of stream) {
    if (!(piece instanceof Uint8Array)) throw new TypeError('the stream holds more than bytes');
    read += piece.length;
    if (read > sizeBytes) throw new TypeError(`the stream holds more than ${sizeBytes} bytes`);
    yield* cutToParts(piece);
  }
  if (read < sizeBytes) throw new TypeError(`the stream holds ${read} bytes, not ${sizeBytes}`);
}
