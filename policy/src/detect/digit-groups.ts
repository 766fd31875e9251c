import { type DigitGroups, type Findings, isSpent } from './model.ts';

/** What may stand between the groups of one number, and how many of it. */
const SEPARATORS = ' -.()';
const SEPARATORS_MAX = 3;
const isSeparator = new Uint8Array(128);
for (const character of SEPARATORS) isSeparator[character.charCodeAt(0)] = 1;

/** Shows each stretch of a text in which groups of digits stand near each other. */
export function eachDigitGroups(text: string, visit: (groups: DigitGroups) => void): void {
  const starts: number[] = [];
  const ends: number[] = [];
  let digits = 0;
  const tell = () => {
    if (digits > 0) visit({ starts, ends, count: starts.length, digits });
    starts.length = 0;
    ends.length = 0;
    digits = 0;
  };
  let at = 0;
  let gap = 0;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (isDigit(code)) {
      starts.push(at);
      const start = at;
      while (at < text.length && isDigit(text.charCodeAt(at))) at++;
      ends.push(at);
      digits += at - start;
      gap = 0;
      continue;
    }
    gap++;
    if (gap > SEPARATORS_MAX || code >= 128 || isSeparator[code] === 0) tell();
    at++;
  }
  tell();
}

/** Whether a code is that of 0 to 9. */
export function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

/** Whether a code is that of an ASCII letter. */
export function isLetter(code: number): boolean {
  const upper = code & ~32;
  return upper >= 65 && upper <= 90;
}

/** The digits of neighbouring groups, joined. */
export function digitsOf(text: string, groups: DigitGroups, range: Range): string {
  let digits = '';
  for (let at = range.first; at <= range.last; at++) {
    digits += text.slice(groups.starts[at], groups.ends[at]);
  }
  return digits;
}

/** From which group to which, both included. */
export interface Range {
  readonly first: number;
  readonly last: number;
}

/** How many digits a group has. */
export function sizeOf(groups: DigitGroups, at: number): number {
  return (groups.ends[at] ?? 0) - (groups.starts[at] ?? 0);
}

/** What stands before a group: up to the one before it, or nothing. */
export function gapBefore(text: string, groups: DigitGroups, at: number): string {
  return at === 0 ? '' : text.slice(groups.ends[at - 1], groups.starts[at]);
}

/** In numbers that are written in groups, all but the last have as many digits at least. */
export const GROUP_MIN_DIGITS = 3;

/**
 * Tries the numbers that begin at each group: `first` and as many more as `accepts` wants. Of
 * several that are accepted from one group the longest counts, and what follows it comes next.
 * A try takes at most `maxDigits` digits, so that the whole is linear.
 */
export function eachNumber(
  text: string,
  groups: DigitGroups,
  { minDigits, maxDigits, findings, accepts }: NumberForm,
): void {
  let first = 0;
  while (first < groups.count && !isSpent(findings)) {
    let size = 0;
    let next = first + 1;
    for (let last = first; last < groups.count; last++) {
      const more = sizeOf(groups, last);
      size += more;
      findings.steps += 1;
      if (size > maxDigits) break;
      if (size >= minDigits) {
        findings.steps += size;
        if (accepts(digitsOf(text, groups, { first, last }), { first, last })) next = last + 1;
      }
      if (more < GROUP_MIN_DIGITS) break;
    }
    first = next;
  }
}

/** Which numbers are tried. */
export interface NumberForm {
  readonly minDigits: number;
  readonly maxDigits: number;
  /** Where the steps are counted. */
  readonly findings: Findings;
  /** Takes note of a number that is one. */
  accepts(digits: string, range: Range): boolean;
}
