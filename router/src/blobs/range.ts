/** A part of a value, both ends included. */
export interface ByteRange {
  readonly from: number;
  readonly to: number;
}

/**
 * Reads a Range header (RFC 9110, 14): one range of bytes. Undefined: the whole value, which is
 * also the answer to several ranges and to what is no range at all.
 */
export function readRange(
  header: string | undefined,
  sizeBytes: number,
): ByteRange | 'unsatisfiable' | undefined {
  const [, first = '', last = ''] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? '') ?? [];
  if (first === '' && last === '') return undefined;
  if (first === '') {
    const from = Math.max(0, sizeBytes - Number(last));
    return from < sizeBytes ? { from, to: sizeBytes - 1 } : 'unsatisfiable';
  }
  const [from, to] = [Number(first), last === '' ? sizeBytes - 1 : Number(last)];
  if (last !== '' && to < from) return undefined;
  return from < sizeBytes ? { from, to: Math.min(to, sizeBytes - 1) } : 'unsatisfiable';
}
