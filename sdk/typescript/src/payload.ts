/** The media type of JSON values, the default. */
export const jsonType = 'application/json';

/** Reads a payload: parsed when it is JSON, a string when it is text, else the bytes themselves. */
export function readPayload(contentType: string, bytes: Uint8Array): unknown {
  const mediaType = (contentType || jsonType).split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (isJson(mediaType)) return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  return mediaType.startsWith('text/') ? new TextDecoder().decode(bytes) : bytes;
}

/** Puts pieces together. */
export function concat(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(lengthOf(pieces));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/** How many bytes pieces hold together. */
export function lengthOf(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((sum, piece) => sum + piece.length, 0);
}

function isJson(mediaType: string): boolean {
  return mediaType === jsonType || mediaType.endsWith('+json');
}
