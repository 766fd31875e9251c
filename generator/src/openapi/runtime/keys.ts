/**
 * The key that stands for the values of path parameters: of one the value itself, of several their
 * values, percent-encoded, with slashes between them.
 */
export function keyOf(values: readonly string[]): string {
  const [only = '', ...more] = values;
  return more.length === 0 ? only : values.map(encodePart).join('/');
}

/** The values that a key stands for; undefined when it has not as many parts. */
export function partsOf(key: string, count: number): readonly string[] | undefined {
  if (count === 1) return [key];
  const parts = key.split('/');
  if (parts.length !== count) return undefined;
  try {
    return parts.map(decodeURIComponent);
  } catch {
    return undefined;
  }
}

/** A part of a key. One of dots alone would be taken for a way up. */
export function encodePart(text: string): string {
  return encodeURIComponent(text).replace(/^\.+$/, (dots) => dots.replaceAll('.', '%2E'));
}
