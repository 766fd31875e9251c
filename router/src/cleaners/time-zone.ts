/** A date and time of day as clocks on a wall show it: what Date.UTC makes of its fields. */
export type WallMs = number;

const DAY_MS = 24 * 60 * 60 * 1000;
const MINUTE_MS = 60_000;
const ZONES_KEPT = 1_000;
const formats = new Map<string, Intl.DateTimeFormat | undefined>();

/**
 * The offset from UTC, in milliseconds, that a zone has at a time of its walls; undefined when
 * its clocks never showed that time, or showed it twice. A zone is an IANA name, or an offset
 * such as "+08:00"; empty: UTC.
 */
export function zoneOffsetMs(zone: string, wallMs: WallMs): number | undefined {
  if (zone === '') return 0;
  const fixed = parseOffsetMs(zone);
  if (fixed !== undefined) return fixed;
  const format = formatOf(zone);
  if (!format) return undefined;
  const offsets = new Set(
    [wallMs - DAY_MS, wallMs + DAY_MS].map((atMs) => offsetAtMs(format, atMs)),
  );
  const [offset, ...others] = [...offsets].filter(
    (candidate) => offsetAtMs(format, wallMs - candidate) === candidate,
  );
  // RFC 3339 has no seconds in an offset, as there were before zones were made.
  return others.length > 0 || offset === undefined || offset % MINUTE_MS !== 0 ? undefined : offset;
}

/** The milliseconds of an offset such as "+08:00" or "Z"; undefined for any other text. */
export function parseOffsetMs(text: string): number | undefined {
  if (text === 'Z') return 0;
  const [, sign, hours, minutes] = /^([+-])([01]\d|2[0-3]):([0-5]\d)$/.exec(text) ?? [];
  if (sign === undefined) return undefined;
  const ms = (Number(hours) * 60 + Number(minutes)) * MINUTE_MS;
  return sign === '-' && ms !== 0 ? -ms : ms;
}

/** Undefined: this machine does not know the zone, though the registry's did. */
function formatOf(zone: string): Intl.DateTimeFormat | undefined {
  if (formats.has(zone)) return formats.get(zone);
  if (formats.size >= ZONES_KEPT) formats.clear();
  const format = createFormat(zone);
  formats.set(zone, format);
  return format;
}

function createFormat(zone: string): Intl.DateTimeFormat | undefined {
  try {
    return new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      calendar: 'iso8601',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      ...{ year: 'numeric', month: 'numeric', day: 'numeric' },
      ...{ hour: 'numeric', minute: 'numeric', second: 'numeric' },
    });
  } catch {
    return undefined;
  }
}

function offsetAtMs(format: Intl.DateTimeFormat, atMs: number): number {
  const shown: Partial<Record<Intl.DateTimeFormatPartTypes, number>> = {};
  for (const { type, value } of format.formatToParts(atMs)) shown[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = shown;
  return wallMsOf({ year, month, day, hour, minute, second }) - Math.floor(atMs / 1000) * 1000;
}

/** The fields of a date and time; months and days from 1. */
export interface WallTime {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
}

/** The time of a wall as milliseconds, for any year from 0; days past a month's end roll over. */
export function wallMsOf({ year, month, day, hour, minute, second }: WallTime): WallMs {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  return date.setUTCHours(hour, minute, second, 0);
}
