/** The media type of JSON values, the default. */
export const jsonType = 'application/json';

/** Reads a payload: parsed when it is JSON, a string when it is text, else the bytes themselves. */
export function readPayload(contentType: string, bytes: Uint8Array): unknown {
  const mediaType = (contentType || jsonType).split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (isJson(mediaType)) return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  return mediaType.startsWith('text/') ? new TextDecoder().decode(bytes) : bytes;
}

function isJson(mediaType: string): boolean {
  return mediaType === jsonType || mediaType.endsWith('+json');
}
