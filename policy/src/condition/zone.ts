import { createBoundedMap } from '../bounded-map.ts';

/** A span of wall time: from the first ms up to, and without, the last. */
export interface Window {
  readonly fromMs: number;
  readonly untilMs: number;
}

/** The local time of a zone. */
export interface Zone {
  /** What is added to UTC for the local time then, and how long that stays so. */
  offsetAt(nowMs: number): Window & { readonly offsetMs: number };
}

/** How many zones are kept with their formatters, which are dear to make. */
const zonesKept = 200;
const dayMs = 86_400_000;

const zones = createBoundedMap<string, Zone>(zonesKept);

/** The zone of an IANA name, such as "Asia/Taipei" or "UTC". Undefined: there is none. */
export function zoneOf(name: string): Zone | undefined {
  const held = zones.get(name);
  if (held) return held;
  const format = formatterOf(name);
  if (!format) return undefined;
  const zone = createZone(format);
  zones.set(name, zone);
  return zone;
}

function formatterOf(timeZone: string): Intl.DateTimeFormat | undefined {
  try {
    return new Intl.DateTimeFormat('en-GB', {
      timeZone,
      calendar: 'gregory',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  } catch {
    return undefined;
  }
}

function createZone(format: Intl.DateTimeFormat): Zone {
  const offset = (ms: number) => localMs(format, ms) - Math.floor(ms / 1000) * 1000;
  let held = { fromMs: 0, untilMs: 0, offsetMs: 0 };
  return {
    offsetAt(nowMs) {
      if (nowMs >= held.fromMs && nowMs < held.untilMs) return held;
      const offsetMs = offset(nowMs);
      const same = (ms: number) => offset(ms) === offsetMs;
      // No zone changes its clocks twice within a day.
      held = {
        offsetMs,
        fromMs: same(nowMs - dayMs) ? nowMs - dayMs : changeBetween(nowMs, nowMs - dayMs, same),
        untilMs: same(nowMs + dayMs) ? nowMs + dayMs : changeBetween(nowMs, nowMs + dayMs, same),
      };
      return held;
    },
  };
}

/** The first ms of the later side of the one change between a time that is alike and one that is not. */
function changeBetween(alike: number, other: number, same: (ms: number) => boolean): number {
  let [near, far] = [alike, other];
  while (Math.abs(far - near) > 1) {
    const middle = Math.floor((near + far) / 2);
    if (same(middle)) near = middle;
    else far = middle;
  }
  return Math.max(near, far);
}

function localMs(format: Intl.DateTimeFormat, ms: number): number {
  const parts: Record<string, number> = {};
  for (const { type, value } of format.formatToParts(ms)) parts[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
  return Date.UTC(year, month - 1, day, hour, minute, second);
}
