/** The greatest length of a JSON Pointer in a manifest. */
const pointerMaxChars = 512;
const pointerMaxSegments = 32;

/** The segments of a JSON Pointer (RFC 6901) that has no fault. */
export function pointerSegments(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** Says what is wrong with a JSON Pointer, or undefined when nothing is. Never throws. */
export function pointerFault(pointer: string): string | undefined {
  const text = JSON.stringify(pointer.slice(0, 64));
  if (pointer !== '' && !pointer.startsWith('/')) {
    return `${text} is not a JSON Pointer; begin it with "/", as in "/price/amount"`;
  }
  if (/~(?![01])/.test(pointer)) return `${text} holds a lone "~"; write "~0" for it`;
  if (!pointer.isWellFormed()) return 'holds half a surrogate pair';
  if (pointer.length > pointerMaxChars) return `longer than ${pointerMaxChars} characters`;
  if (pointer.split('/').length > pointerMaxSegments + 1) {
    return `leads more than ${pointerMaxSegments} levels deep`;
  }
  return undefined;
}
