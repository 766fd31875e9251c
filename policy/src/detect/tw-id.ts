import { eachNumber, isDigit, isLetter } from './digit-groups.ts';
import type { DigitsDetector } from './model.ts';

/** The numbers 10 to 35 that letters stand for: by their place in this text. */
const letters = 'ABCDEFGHJKLMNPQRSTUVXYWZIO';
const weights = [1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1];

/**
 * Identity numbers of Taiwan: a letter, 1 or 2 and eight digits with their check; those of
 * residents from abroad with 8 or 9 (since 2021) or with a second letter A to D (before).
 */
export const twId: DigitsDetector = {
  name: 'tw-id',
  minDigits: 8,
  findInDigits(text, groups, { findings }) {
    eachNumber(text, groups, {
      minDigits: 8,
      maxDigits: 9,
      findings,
      accepts: (digits, { first, last }) => {
        findings.steps += digits.length;
        const end = groups.ends[last] ?? 0;
        if (isLetter(text.charCodeAt(end))) return false;
        const start = startOf(text, groups.starts[first] ?? 0, 10 - digits.length);
        if (start === undefined) return false;
        const heads = text.slice(start, start + 10 - digits.length).toUpperCase();
        if (!isNumber(heads, digits)) return false;
        findings.finds.push({ start, end, kind: 'tw-id' });
        return true;
      },
    });
  },
};

/** Where the letters before a number start; they stand at the start of a word. */
function startOf(text: string, digitsStart: number, count: number): number | undefined {
  const isApart = ' -'.includes(text[digitsStart - 1] ?? '.');
  const start = digitsStart - count - (isApart ? 1 : 0);
  if (start < 0) return undefined;
  for (let at = start; at < start + count; at++) {
    if (!isLetter(text.charCodeAt(at))) return undefined;
  }
  const before = start === 0 ? 0 : text.charCodeAt(start - 1);
  return isLetter(before) || isDigit(before) ? undefined : start;
}

function isNumber(heads: string, digits: string): boolean {
  const numbers = [...heads].map((letter) => letters.indexOf(letter) + 10);
  const [first = 0, second] = numbers;
  if (second === undefined ? !/^[1289]/.test(digits) : !/^[A-D]$/.test(heads[1] ?? ''))
    return false;
  const all = [
    Math.floor(first / 10),
    first % 10,
    ...(second === undefined ? [] : [second % 10]),
    ...[...digits].map(Number),
  ];
  return weights.reduce((sum, weight, at) => sum + weight * (all[at] ?? 0), 0) % 10 === 0;
}
