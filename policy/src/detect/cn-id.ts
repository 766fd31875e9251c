import { eachNumber } from './digit-groups.ts';
import type { DigitsDetector } from './model.ts';

/** The first two digits: provinces, by GB/T 2260. */
const regions = new Set(
  '11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65 71 81 82 83'.split(
    ' ',
  ),
);
const weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
const checks = '10X98765432';

/** Citizen identity numbers of mainland China: GB 11643, 18 characters with their check. */
export const cnId: DigitsDetector = {
  name: 'cn-id',
  minDigits: 17,
  findInDigits(text, groups, { findings }) {
    eachNumber(text, groups, {
      minDigits: 17,
      maxDigits: 18,
      findings,
      accepts: (digits, { first, last }) => {
        findings.steps += digits.length;
        const digitsEnd = groups.ends[last] ?? 0;
        const end = digits.length === 18 ? digitsEnd : endOfCheck(text, digitsEnd);
        const check = digits.length === 18 ? digits.slice(17) : 'X';
        if (end === undefined || !isNumber(digits, check)) return false;
        findings.finds.push({ start: groups.starts[first] ?? 0, end, kind: 'cn-id' });
        return true;
      },
    });
  },
};

/** Behind an X, which may stand apart as the groups do. */
function endOfCheck(text: string, at: number): number | undefined {
  const [found] = /^[ -]?x(?![a-z0-9])/i.exec(text.slice(at, at + 3)) ?? [];
  return found === undefined ? undefined : at + found.length;
}

/** ISO/IEC 7064 MOD 11-2, a province, and a day of the calendar. */
function isNumber(digits: string, check: string): boolean {
  if (!regions.has(digits.slice(0, 2)) || !isBirthday(digits.slice(6, 14))) return false;
  const sum = weights.reduce((all, weight, at) => all + weight * Number(digits[at]), 0);
  return checks[sum % 11] === check;
}

function isBirthday(text: string): boolean {
  const [year, month, day] = [text.slice(0, 4), text.slice(4, 6), text.slice(6)].map(Number);
  if (year === undefined || month === undefined || day === undefined) return false;
  if (year < 1850 || year > 2099 || month < 1 || month > 12 || day < 1) return false;
  return day <= new Date(Date.UTC(year, month, 0)).getUTCDate();
}
