/** What a part of a date form stands for. */
export type DateField =
  | 'year'
  | 'month'
  | 'day'
  | 'hour'
  | 'minute'
  | 'second'
  | 'millisecond'
  | 'half'
  | 'offset';

/** A form of dates, ready to be matched against texts. */
export type DateForm =
  | { readonly kind: 'unix'; readonly unitMs: 1 | 1000 }
  | {
      readonly kind: 'parts';
      /** Matches a whole text in this form; it cannot take more than linear time. */
      readonly pattern: RegExp;
      /** What each group of the pattern stands for. */
      readonly fields: readonly DateField[];
    };

/** The greatest length of a form, and of what is read by one. */
export const dateMaxChars = 64;

interface Part {
  readonly field: DateField;
  readonly pattern: string;
}

const parts: Readonly<Record<string, Part>> = {
  yyyy: { field: 'year', pattern: '\\d{4}' },
  yy: { field: 'year', pattern: '\\d{2}' },
  MMM: { field: 'month', pattern: '[A-Za-z]{3}' },
  MM: { field: 'month', pattern: '\\d{2}' },
  M: { field: 'month', pattern: '\\d{1,2}' },
  dd: { field: 'day', pattern: '\\d{2}' },
  d: { field: 'day', pattern: '\\d{1,2}' },
  HH: { field: 'hour', pattern: '\\d{2}' },
  H: { field: 'hour', pattern: '\\d{1,2}' },
  hh: { field: 'hour', pattern: '\\d{2}' },
  h: { field: 'hour', pattern: '\\d{1,2}' },
  mm: { field: 'minute', pattern: '\\d{2}' },
  ss: { field: 'second', pattern: '\\d{2}' },
  SSS: { field: 'millisecond', pattern: '\\d{3}' },
  a: { field: 'half', pattern: '[AaPp][Mm]' },
  XXX: { field: 'offset', pattern: 'Z|[+-]\\d{2}:\\d{2}' },
};
const tokens = /yyyy|yy|MMM|MM|M|dd|d|HH|H|hh|h|mm|ss|SSS|a|XXX|[\s\S]/gu;
/** Fields that mean nothing without another. */
const needs: readonly (readonly [DateField, DateField])[] = [
  ['hour', 'minute'],
  ['minute', 'hour'],
  ['second', 'minute'],
  ['millisecond', 'second'],
  ['offset', 'hour'],
];

/** Compiles a form such as "dd.MM.yyyy HH:mm" that has no fault. */
export function compileDateForm(text: string): DateForm {
  if (text === 'unix') return { kind: 'unix', unitMs: 1000 };
  if (text === 'unixms') return { kind: 'unix', unitMs: 1 };
  const fields: DateField[] = [];
  let pattern = '';
  for (const token of tokensOf(text)) {
    const part = parts[token];
    pattern += part ? `(${part.pattern})` : token.replace(/[\\^$.*+?()[\]{}|/]/, '\\$&');
    if (part) fields.push(part.field);
  }
  return { kind: 'parts', pattern: new RegExp(`^${pattern}$`, 'u'), fields };
}

/** Says what is wrong with a form of dates, or undefined when nothing is. Never throws. */
export function dateFormFault(text: string): string | undefined {
  if (text.length > dateMaxChars) return `longer than ${dateMaxChars} characters`;
  if (/\p{Cc}/u.test(text) || !text.isWellFormed()) return 'holds a control character';
  if (text === 'unix' || text === 'unixms') return undefined;
  const found = tokensOf(text);
  const stray = found.find((token) => !parts[token] && /[yMdHhmsSX]/.test(token));
  if (stray) {
    return `${JSON.stringify(stray)} is no part of a date; there are ${Object.keys(parts).join(', ')}`;
  }
  return fieldsFault(found) ?? orderFault(text, found);
}

function fieldsFault(found: readonly string[]): string | undefined {
  const fields = found.flatMap((token) => parts[token]?.field ?? []);
  const twice = fields.find((field, i) => fields.indexOf(field) !== i);
  if (twice) return `names the ${twice} twice; keep one`;
  for (const field of ['year', 'month', 'day'] as const) {
    if (!fields.includes(field)) return `does not name the ${field}`;
  }
  for (const [field, needed] of needs) {
    if (fields.includes(field) && !fields.includes(needed)) {
      return `names the ${field} without the ${needed}`;
    }
  }
  const isTwelve = found.includes('hh') || found.includes('h');
  if (isTwelve === found.includes('a')) return undefined;
  return isTwelve
    ? 'counts hours to 12 without "a" for AM or PM; add it, or write HH'
    : 'has "a" for AM or PM, but counts hours to 24; write hh';
}

function orderFault(text: string, found: readonly string[]): string | undefined {
  const loose = found.findIndex(
    (token, i) => /^[MdHh]$/.test(token) && (isDigits(found[i - 1]) || isDigits(found[i + 1])),
  );
  const token = found[loose];
  if (token) {
    return `"${token}" stands beside other digits, so that nobody knows where it ends; write ${token}${token}`;
  }
  // What RFC 3339 writes 2024-05-03 could not be told from it.
  return /^yyyy-d/.test(text) ? 'could not be told from the yyyy-MM-dd of RFC 3339' : undefined;
}

function isDigits(token = ''): boolean {
  return /^\d$/.test(token) || /^\\d/.test(parts[token]?.pattern ?? '');
}

function tokensOf(text: string): string[] {
  return text.match(tokens) ?? [];
}
