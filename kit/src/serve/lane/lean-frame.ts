/** The prefix of a message in a stream: a flag, and its length. It is the same in gRPC, gRPC-Web and Connect. */
export const PREFIX_BYTES = 5;

/** Writes the prefix of a message that begins behind it. */
export function writePrefix(bytes: Uint8Array, flags = 0): void {
  const length = bytes.length - PREFIX_BYTES;
  bytes[0] = flags;
  bytes[1] = length >>> 24;
  bytes[2] = length >>> 16;
  bytes[3] = length >>> 8;
  bytes[4] = length;
}

/** A message behind its prefix. */
export function framed(message: Uint8Array, flags = 0): Uint8Array {
  const bytes = new Uint8Array(PREFIX_BYTES + message.length);
  bytes.set(message, PREFIX_BYTES);
  writePrefix(bytes, flags);
  return bytes;
}
