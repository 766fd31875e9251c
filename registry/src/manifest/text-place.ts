/** A scalar as it stands in a document. */
export interface ScalarSource {
  /** From its first character (a quote, or the "|" or ">" of a block) to its last. */
  readonly text: string;
  /** As the YAML library names it, such as "BLOCK_LITERAL". */
  readonly style: string;
  /** What it stands for. */
  readonly value: string;
}

/** Escapes of a double-quoted text that have a code of so many hexadecimal digits. */
const CODE_DIGITS: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };
/** Escapes that stand for a blank, or for nothing. */
const BLANK_ESCAPES = 'nrt \t\n\r';

/**
 * Where in the source a place of the value stands, both in UTF-16 units from the beginning. What
 * differs between the two, indentation and folded lines, is blank: so characters that are not
 * blank are counted.
 */
export function sourceOffset({ text, style, value }: ScalarSource, offset: number): number {
  let left = countUnits(value.slice(0, offset));
  const wantsBlank = offset >= value.length || isBlank(value.charAt(offset));
  let at = beginningOf(text, style);
  const end = style.startsWith('QUOTE') ? text.length - 1 : text.length;
  while (at < end) {
    const { length, units } = tokenAt(text, style, at);
    if (left <= 0 && (wantsBlank || units > 0)) return at;
    left -= units;
    at += length;
  }
  return Math.min(at, text.length);
}

function beginningOf(text: string, style: string): number {
  if (style.startsWith('BLOCK')) return text.indexOf('\n') + 1;
  return style.startsWith('QUOTE') ? 1 : 0;
}

/** How long what stands in the source is, and for how many characters that are not blank. */
function tokenAt(text: string, style: string, at: number): { length: number; units: number } {
  const character = text.charAt(at);
  if (style === 'QUOTE_SINGLE' && character === "'") return { length: 2, units: 1 };
  if (style !== 'QUOTE_DOUBLE' || character !== '\\') {
    return { length: 1, units: isBlank(character) ? 0 : 1 };
  }
  const escaped = text.charAt(at + 1);
  const digits = CODE_DIGITS[escaped];
  if (digits === undefined) return { length: 2, units: BLANK_ESCAPES.includes(escaped) ? 0 : 1 };
  const code = Number.parseInt(text.slice(at + 2, at + 2 + digits), 16);
  return { length: 2 + digits, units: countUnits(String.fromCodePoint(code)) };
}

function countUnits(text: string): number {
  let units = 0;
  for (let i = 0; i < text.length; i += 1) if (!isBlank(text.charAt(i))) units += 1;
  return units;
}

function isBlank(character: string): boolean {
  return character === ' ' || character === '\n' || character === '\t' || character === '\r';
}
