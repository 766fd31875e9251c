import { digitsOf, eachNumber, gapBefore, type Range, sizeOf } from './digit-groups.ts';
import type { DigitGroups, DigitsDetector } from './model.ts';

/** First digits from and to, all as six, and how long numbers are: ISO/IEC 7812 as issued. */
type Issued = readonly [from: number, to: number, lengths: readonly number[]];
const long = [16, 17, 18, 19];
const issuers: readonly Issued[] = [
  [400000, 499999, [13, 16, 19]], // Visa
  [510000, 559999, [16]], // Mastercard
  [222100, 272099, [16]],
  [340000, 349999, [15]], // American Express
  [370000, 379999, [15]],
  [300000, 305999, [14, 16]], // Diners Club
  [360000, 369999, [14, 16]],
  [380000, 399999, [14, 16]],
  [601100, 601199, long], // Discover
  [644000, 659999, long],
  [352800, 358999, long], // JCB
  [620000, 629999, long], // UnionPay
  [810000, 817199, long],
  [220000, 220499, long], // Mir
  [501800, 501899, [13, 15, ...long]], // Maestro
  [502000, 502099, [13, 15, ...long]],
  [503800, 503899, [13, 15, ...long]],
  [589300, 589399, [13, 15, ...long]],
  [630400, 630499, [13, 15, ...long]],
  [675900, 676399, [13, 15, ...long]],
  [508500, 508999, [16]], // RuPay
  [606985, 607984, [16]],
  [608001, 608500, [16]],
];

/** Numbers of payment cards: 13 to 19 digits of a known issuer with the check digit of Luhn. */
export const paymentCard: DigitsDetector = {
  name: 'payment-card',
  minDigits: 13,
  findInDigits(text, groups, { findings }) {
    const isCard = (digits: string) => {
      findings.steps += digits.length;
      return hasIssuer(digits) && isLuhn(digits);
    };
    const add = (first: number, last: number) =>
      findings.finds.push({
        start: groups.starts[first] ?? 0,
        end: groups.ends[last] ?? 0,
        kind: 'payment-card',
      });
    eachNumber(text, groups, {
      minDigits: 13,
      maxDigits: 19,
      findings,
      accepts: (digits, { first, last }) => {
        if (!isWritten(text, groups, { first, last }) || !isCard(digits)) return false;
        add(first, last);
        return true;
      },
    });
    for (const { first, last } of spelledNumbers(groups)) {
      if (last - first > 18) continue;
      if (isCard(digitsOf(text, groups, { first, last }))) add(first, last);
    }
  },
};

/** In groups; or in one, unless it is what stands behind a decimal point. */
function isWritten(text: string, groups: DigitGroups, { first, last }: Range): boolean {
  return first < last || gapBefore(text, groups, first) !== '.';
}

/** Digits one by one, as people spell them: 13 and more in a row, and no more. */
function spelledNumbers(groups: DigitGroups): { first: number; last: number }[] {
  const found: { first: number; last: number }[] = [];
  let first = 0;
  for (let at = 0; at <= groups.count; at++) {
    if (at < groups.count && sizeOf(groups, at) === 1) continue;
    if (at - first >= 13) found.push({ first, last: at - 1 });
    first = at + 1;
  }
  return found;
}

function hasIssuer(digits: string): boolean {
  const start = Number(digits.slice(0, 6));
  return issuers.some(
    ([from, to, lengths]) => start >= from && start <= to && lengths.includes(digits.length),
  );
}

/** The check of ISO/IEC 7812-1, annex B. */
function isLuhn(digits: string): boolean {
  let sum = 0;
  for (let at = 0; at < digits.length; at++) {
    const digit = digits.charCodeAt(digits.length - 1 - at) - 48;
    const counted = at % 2 === 0 ? digit : digit * 2;
    sum += counted > 9 ? counted - 9 : counted;
  }
  return sum % 10 === 0;
}
