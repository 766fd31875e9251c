const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const ESCAPED = /["\\/bfnrt]|u[\da-fA-F]{4}/y;
const QUOTE = 34;
const BACKSLASH = 92;
const words = ['true', 'false', 'null'];

/** Behind the blanks that may stand here. */
export function blanksEnd(text: string, start: number): number {
  let at = start;
  for (;;) {
    const code = text.charCodeAt(at);
    if (code !== 32 && code !== 10 && code !== 13 && code !== 9) return at;
    at++;
  }
}

/** Behind the string that begins here, by RFC 8259; -1: none does. */
export function stringEnd(text: string, start: number): number {
  if (text.charCodeAt(start) !== QUOTE) return -1;
  for (let at = start + 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) return at + 1;
    if (code < 32) return -1;
    if (code !== BACKSLASH) continue;
    ESCAPED.lastIndex = at + 1;
    if (!ESCAPED.test(text)) return -1;
    at = ESCAPED.lastIndex - 1;
  }
  return -1;
}

/** Behind the number or word that begins here; -1: none does. */
export function scalarEnd(text: string, start: number): number {
  NUMBER.lastIndex = start;
  if (NUMBER.test(text)) return NUMBER.lastIndex;
  for (const word of words) if (text.startsWith(word, start)) return start + word.length;
  return -1;
}

/** What a string holds, given with its quotes. */
export function heldText(source: string): string {
  return source.includes('\\') ? (JSON.parse(source) as string) : source.slice(1, -1);
}

/**
 * The digits of a number without a sign that is whole, when it is written with a point or an exponent:
 * `4.2e3` are 4200. Undefined: it is written in digits alone, is no whole number, or is huge.
 */
export function wholeDigits(source: string): string | undefined {
  if (!/[.eE]/.test(source)) return undefined;
  const [, whole = '', fraction = '', power = '0'] =
    /^(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(source) ?? [];
  const shift = Number(power);
  if (source.length > WHOLE_MAX_CHARS || Math.abs(shift) > WHOLE_MAX_CHARS) return undefined;
  if (fraction === '' && shift === 0) return undefined;
  const digits = whole + fraction;
  const length = whole.length + shift;
  if (length <= 0 || /[1-9]/.test(digits.slice(length))) return undefined;
  return digits.slice(0, length).padEnd(length, '0');
}

const WHOLE_MAX_CHARS = 40;
