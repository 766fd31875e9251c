import { isDigit, isLetter } from './digit-groups.ts';
import { type DigitsDetector, type Findings, isSpent } from './model.ts';

/** How long account numbers are, by country: the registry of ISO 13616. */
const lengths = new Map(
  (
    'AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 ' +
    'EE20 EG29 ES24 FI18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 ' +
    'IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 MC27 MD24 ME22 MK19 MR27 MT31 MU30 NL18 ' +
    'NO15 PK24 PL28 PS29 PT25 QA29 RO24 RS22 SA24 SC31 SE24 SI19 SK24 SM27 ST25 SV28 TL23 TN24 ' +
    'TR26 UA29 VA22 VG24 XK20'
  )
    .split(' ')
    .map((entry) => [entry.slice(0, 2), Number(entry.slice(2))]),
);

/** International bank account numbers: ISO 13616, with their check. */
export const iban: DigitsDetector = {
  name: 'iban',
  // Letters stand between its digits.
  minDigits: 2,
  findInDigits(text, groups, { findings }) {
    for (let at = 0; at < groups.count && !isSpent(findings); at++) {
      const start = (groups.starts[at] ?? 0) - 2;
      if (start < 0) continue;
      findings.steps += 1;
      if (!isLetter(text.charCodeAt(start + 1))) continue;
      const length = lengths.get(text.slice(start, start + 2).toUpperCase());
      if (length !== undefined) findFrom(text, start, length, findings);
    }
  },
};

function findFrom(text: string, start: number, length: number, findings: Findings): void {
  const before = start === 0 ? 0 : text.charCodeAt(start - 1);
  if (isLetter(before) || isDigit(before)) return;
  let number = '';
  let end = start;
  for (; number.length < length && end < text.length; end++) {
    const code = text.charCodeAt(end);
    if (isLetter(code) || isDigit(code)) number += text[end];
    else if (!' -'.includes(text[end] ?? '.') || ' -'.includes(text[end - 1] ?? '.')) return;
  }
  findings.steps += 2 * (end - start);
  const next = text.charCodeAt(end);
  if (number.length < length || isLetter(next) || isDigit(next) || !isChecked(number)) return;
  findings.finds.push({ start, end, kind: 'iban' });
}

/** ISO/IEC 7064 MOD 97-10 over the number with its first four characters at the end. */
function isChecked(number: string): boolean {
  let rest = 0;
  for (const character of (number.slice(4) + number.slice(0, 4)).toUpperCase()) {
    const value = Number.parseInt(character, 36);
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97;
  }
  return rest === 1;
}
