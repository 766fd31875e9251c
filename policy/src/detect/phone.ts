import {
  digitsOf,
  GROUP_MIN_DIGITS,
  gapBefore,
  isDigit,
  isLetter,
  sizeOf,
} from './digit-groups.ts';
import { type DigitGroups, type DigitsDetector, type FindingsIn, isSpent } from './model.ts';
import { isNamed } from './named.ts';

const names = /phone|tel|mobile|cell|fax|whatsapp|sms|手机|手機|电话|電話|行动|联系|聯絡/i;
const NAMED_WITHIN_CHARS = 20;
const DIGITS_MAX = 15;

/** Mobile numbers of mainland China by what is assigned; area codes and lines of China and Taiwan. */
const chinaMobile = /^1(?:3\d|4[5-9]|5[0-35-9]|6[2567]|7[0-8]|8\d|9\d)\d{8}$/;
const chinaRest = /^0?(?:10|2\d|[3-9]\d{2})\d{7,8}$/;
const taiwanMobile = /^09\d{8}$/;
const taiwanRest = /^0?[2-9]\d{7,8}$/;
const landline = /^0[1-9]\d{7,10}$/;
/** The plan of North America: area and exchange begin with 2 to 9 and are no service code. */
const america = /^[2-9](?!11)\d{2}[2-9](?!11)\d{6}$/;
/** Country codes that are assigned to nobody: E.164. */
const unassigned = /^(?:0|28|83|89)/;

/**
 * Telephone numbers: after "+" those of any country (E.164), and the national forms of mainland
 * China, Taiwan and the US. Ten digits in one are one of the US only where the field or the words
 * before say so.
 */
export const phone: DigitsDetector = {
  name: 'phone',
  minDigits: 7,
  findInDigits(text, groups, found) {
    for (let at = 0; at < groups.count && !isSpent(found.findings); at++) {
      const last = lastOf(text, groups, at, found);
      if (last === undefined) continue;
      const start = startOf(text, groups.starts[at] ?? 0);
      found.findings.finds.push({ start, end: groups.ends[last] ?? 0, kind: 'phone' });
      at = last;
    }
  },
};

/** The last group of the longest number that starts at this group. */
function lastOf(
  text: string,
  groups: DigitGroups,
  first: number,
  found: FindingsIn,
): number | undefined {
  const start = groups.starts[first] ?? 0;
  const isAbroad = '+' === text[text[start - 1] === '(' ? start - 2 : start - 1];
  let digits = '';
  let longest: number | undefined;
  for (let last = first; last < groups.count; last++) {
    const size = sizeOf(groups, last);
    found.findings.steps += 1;
    if (digits.length + size > DIGITS_MAX + 2) break;
    // Groups of one or two are dates and amounts, but for an area code and where "+" stands.
    if (size < GROUP_MIN_DIGITS && last > first && !isAbroad && !digits.startsWith('00')) break;
    digits += digitsOf(text, groups, { first: last, last });
    if (digits.length < 8) continue;
    found.findings.steps += 2 * digits.length;
    const range = { first, last };
    if (isAbroad ? isInternational(digits) : isNational(text, groups, { range, digits, found })) {
      longest = last;
    }
  }
  if (longest === undefined || isLetter(text.charCodeAt(groups.ends[longest] ?? 0)))
    return undefined;
  return isAbroad || !isWithinWord(text, start) ? longest : undefined;
}

/** The sign and brackets before a number are its part. */
function startOf(text: string, start: number): number {
  let at = start;
  while (at > start - 2 && (text[at - 1] === '(' || text[at - 1] === '+')) at--;
  return at;
}

/** Behind letters that do not say that it is a number to call: in a hash, or a code. */
function isWithinWord(text: string, start: number): boolean {
  const code = text.charCodeAt(start - 1);
  if (!isLetter(code) && code !== 95) return false;
  return !names.test(text.slice(Math.max(0, start - 10), start));
}

/** Digits behind "+". */
function isInternational(digits: string): boolean {
  if (digits.length > DIGITS_MAX + 1 || unassigned.test(digits)) return false;
  if (digits.startsWith('1')) return digits.length === 11 && america.test(digits.slice(1));
  if (digits.startsWith('886')) return taiwanRest.test(digits.slice(3));
  if (digits.startsWith('86')) {
    const rest = digits.slice(2);
    return chinaMobile.test(rest) || chinaRest.test(rest);
  }
  return digits.length <= DIGITS_MAX;
}

interface National {
  readonly range: { readonly first: number; readonly last: number };
  readonly digits: string;
  readonly found: FindingsIn;
}

function isNational(
  text: string,
  groups: DigitGroups,
  { range, digits, found }: National,
): boolean {
  const { first, last } = range;
  const sizes: number[] = [];
  for (let at = first; at <= last; at++) sizes.push(sizeOf(groups, at));
  const [head = 0, ...rest] = sizes;
  if (digits.startsWith('00'))
    return /^00(?:86|886|1)/.test(digits) && isInternational(digits.slice(2));
  if (head >= 2 && /^86(?=1)|^886(?=9)/.test(digits)) return isInternational(digits);
  if (head >= 3 && chinaMobile.test(digits)) return true;
  if (taiwanMobile.test(digits)) return head >= 2;
  if (isPartOfMore(text, groups, range)) return false;
  if (rest.length > 0 && head >= 2 && head <= 4 && rest[0] !== undefined) {
    if (landline.test(digits) && digits.length - head >= 6) return true;
  }
  if (digits.length === 11 && head === 1 && digits.startsWith('1')) {
    return rest.join() === '3,3,4' && america.test(digits.slice(1));
  }
  if (digits.length !== 10 || !america.test(digits)) return false;
  if (sizes.join() === '3,3,4' || sizes.join() === '3,7') return true;
  const start = groups.starts[first] ?? 0;
  const before = text.slice(Math.max(0, start - NAMED_WITHIN_CHARS), start);
  return sizes.length === 1 && isNamed(names, found.field, before);
}

/** Whether other digits hang on it, as those of an order or a date do. */
function isPartOfMore(
  text: string,
  groups: DigitGroups,
  { first, last }: National['range'],
): boolean {
  const start = groups.starts[first] ?? 0;
  if (/^[-.]$/.test(gapBefore(text, groups, first)) && isDigit(text.charCodeAt(start - 2)))
    return true;
  return last + 1 < groups.count && /^[-.]$/.test(gapBefore(text, groups, last + 1));
}
