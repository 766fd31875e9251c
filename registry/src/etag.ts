const CHARS = 20;

/** The etag of a state, from the hash of its content: equal content, equal etag. */
export function etagOf(hash: string): string {
  return hash.slice(0, CHARS);
}
