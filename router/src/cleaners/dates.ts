import {
  compileDateForm,
  type DateField,
  type DateForm,
  dateMaxChars,
} from '@weir/kit/cleaning/date-form';
import type { Leaf, Mend } from './leaf.ts';
import { parseOffsetMs, type WallTime, wallMsOf, zoneOffsetMs } from './time-zone.ts';

const MONTHS = 'janfebmaraprmayjunjulaugsepoctnovdec';
/** Two digits of a year below this are of the 2000s, others of the 1900s, as POSIX has it. */
const CENTURY_PIVOT = 69;
const UNIX = /^-?\d{1,15}$/;

/**
 * Brings dates of the forms given, tried in order, into RFC 3339. Dates that are not in the
 * calendar, and times that the zone's clocks never showed or showed twice, stay.
 */
export function compileDates(formats: readonly string[], timeZone: string): Mend {
  const forms = formats.map(compileDateForm);
  return (leaf) => {
    if (leaf.kind === 'null') return leaf;
    const text = leaf.kind === 'text' ? leaf.text : leaf.source;
    if (text.length > dateMaxChars) return leaf;
    for (const form of forms) {
      if (leaf.kind === 'number' && form.kind !== 'unix') continue;
      const date = readDate(form, text, timeZone);
      if (date !== undefined) return date === text ? leaf : ({ kind: 'text', text: date } as Leaf);
    }
    return leaf;
  };
}

function readDate(form: DateForm, text: string, timeZone: string): string | undefined {
  if (form.kind === 'unix')
    return UNIX.test(text) ? unixDate(Number(text) * form.unitMs) : undefined;
  const groups = form.pattern.exec(text)?.slice(1);
  if (!groups) return undefined;
  const said = new Map(form.fields.map((field, i) => [field, groups[i] ?? '']));
  const time = wallTimeOf(said);
  if (!time) return undefined;
  const date = `${digits(time.year, 4)}-${digits(time.month)}-${digits(time.day)}`;
  if (!said.has('hour')) return date;
  const named = said.get('offset');
  const offsetMs =
    named === undefined ? zoneOffsetMs(timeZone, wallMsOf(time)) : parseOffsetMs(named);
  if (offsetMs === undefined) return undefined;
  const fraction = said.has('millisecond') ? `.${said.get('millisecond')}` : '';
  const clock = `${digits(time.hour)}:${digits(time.minute)}:${digits(time.second)}`;
  return `${date}T${clock}${fraction}${offsetText(offsetMs)}`;
}

function wallTimeOf(said: ReadonlyMap<DateField, string>): WallTime | undefined {
  const numberOf = (field: DateField) => Number(said.get(field) ?? 0);
  const half = said.get('half')?.toLowerCase();
  const twelve = numberOf('hour');
  if (half !== undefined && (twelve < 1 || twelve > 12)) return undefined;
  const time = {
    year: yearOf(said.get('year') ?? ''),
    month: monthOf(said.get('month') ?? ''),
    day: numberOf('day'),
    hour: half === undefined ? twelve : (twelve % 12) + (half === 'pm' ? 12 : 0),
    minute: numberOf('minute'),
    second: numberOf('second'),
  };
  const { year, month, day, hour, minute, second } = time;
  // What rolls over is in no calendar.
  const kept = new Date(wallMsOf(time)).toISOString().slice(0, 10);
  const isDay = year >= 1 && kept === `${digits(year, 4)}-${digits(month)}-${digits(day)}`;
  return isDay && hour < 24 && minute < 60 && second < 60 ? time : undefined;
}

function yearOf(text: string): number {
  const year = Number(text);
  if (text.length > 2) return year;
  return year < CENTURY_PIVOT ? 2000 + year : 1900 + year;
}

function monthOf(text: string): number {
  if (/^\d/.test(text)) return Number(text);
  const at = MONTHS.indexOf(text.toLowerCase());
  return at % 3 === 0 ? at / 3 + 1 : 0;
}

function unixDate(ms: number): string | undefined {
  const date = new Date(ms);
  const text = Number.isNaN(ms) || Number.isNaN(date.getTime()) ? '' : date.toISOString();
  // Years beyond 9999 have no form in RFC 3339; ISO 8601 writes them with a sign.
  return /^\d{4}-/.test(text) ? text.replace('.000Z', 'Z') : undefined;
}

function offsetText(offsetMs: number): string {
  if (offsetMs === 0) return 'Z';
  const minutes = Math.abs(offsetMs) / 60_000;
  const sign = offsetMs < 0 ? '-' : '+';
  return `${sign}${digits(Math.floor(minutes / 60))}:${digits(minutes % 60)}`;
}

function digits(number: number, count = 2): string {
  return String(number).padStart(count, '0');
}
