import { gapBefore, sizeOf } from './digit-groups.ts';
import { type DigitsDetector, isSpent } from './model.ts';
import { isNamed } from './named.ts';

const names = /ssn|social.{0,2}sec|tax.{0,2}(?:id|payer)/i;

/**
 * Social Security numbers of the US: 123-45-6789, with the rules of what was ever issued; nine
 * digits in one only where the field or the words before say what they are.
 */
export const usSsn: DigitsDetector = {
  name: 'us-ssn',
  minDigits: 9,
  findInDigits(text, groups, { findings, field }) {
    for (let at = 0; at < groups.count && !isSpent(findings); at++) {
      const last = lastOf(text, groups, at, field);
      findings.steps += last === undefined ? 1 : 12;
      if (last === undefined) continue;
      const start = groups.starts[at] ?? 0;
      const end = groups.ends[last] ?? 0;
      if (!isIssued(text.slice(start, end).replaceAll(/\D/g, ''))) continue;
      findings.finds.push({ start, end, kind: 'us-ssn' });
      at = last;
    }
  },
};

/** The last group of a number in its form that starts at this group. */
function lastOf(
  text: string,
  groups: Parameters<DigitsDetector['findInDigits']>[1],
  at: number,
  field: string,
): number | undefined {
  if (sizeOf(groups, at) === 9) {
    return isNamed(
      names,
      field,
      text.slice(Math.max(0, (groups.starts[at] ?? 0) - 24), groups.starts[at]),
    )
      ? at
      : undefined;
  }
  if (sizeOf(groups, at) !== 3 || sizeOf(groups, at + 1) !== 2 || sizeOf(groups, at + 2) !== 4) {
    return undefined;
  }
  const gap = gapBefore(text, groups, at + 1);
  if (!['-', ' ', '.', ' - '].includes(gap) || gapBefore(text, groups, at + 2) !== gap)
    return undefined;
  // Part of a longer number.
  if (at > 0 && gapBefore(text, groups, at) === gap && gap !== ' ') return undefined;
  if (at + 3 < groups.count && gapBefore(text, groups, at + 3) === gap) return undefined;
  return at + 2;
}

function isIssued(digits: string): boolean {
  const area = digits.slice(0, 3);
  if (area === '000' || area === '666' || area.startsWith('9')) return false;
  return digits.slice(3, 5) !== '00' && digits.slice(5) !== '0000';
}
