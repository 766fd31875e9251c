import { type Window, type Zone, zoneOf } from './zone.ts';

// The functions that read the clock, and nothing else does: so the next time at which the outcome
// of a condition can change is known.

/** A call of a clock function in a condition. */
export interface ClockCall {
  valueAt(nowMs: number): boolean | bigint;
  /** How long the value around a time stays the same, at least. */
  windowAt(nowMs: number): Window;
}

/** The clock functions: how many literal texts each takes, and what it returns. */
export const clockFunctions = {
  between: { literals: 3, returns: 'bool' },
  weekday: { literals: 1, returns: 'int' },
  before: { literals: 1, returns: 'bool' },
  after: { literals: 1, returns: 'bool' },
} as const;

/** The name of a clock function. */
export type ClockFunction = keyof typeof clockFunctions;

const dayMinutes = 1440;
const minuteMs = 60_000;
const dayMs = dayMinutes * minuteMs;
const always: Window = { fromMs: Number.NEGATIVE_INFINITY, untilMs: Number.POSITIVE_INFINITY };

/** Reads the literals of a call. Throws an Error whose message says what is wrong with which. */
export function readClockCall(name: ClockFunction, literals: readonly string[]): ClockCall {
  const [first = '', second = '', third = ''] = literals;
  switch (name) {
    case 'between':
      return between(minuteOfDay(first), minuteOfDay(second), zone(third));
    case 'weekday':
      return weekday(zone(first));
    case 'before':
      return turn(instant(first), { earlier: true });
    case 'after':
      return turn(instant(first), { earlier: false });
  }
}

/** True from one local time up to another; past midnight when the first is the later one. */
function between(from: number, to: number, where: Zone): ClockCall {
  if (from === to) throw new Error('both times are the same; leave the condition out or mend one');
  const over = from > to;
  return {
    valueAt(nowMs) {
      const minute = localMinutes(where, nowMs) % dayMinutes;
      return over ? minute >= from || minute < to : minute >= from && minute < to;
    },
    windowAt: (nowMs) => windowOf(where, nowMs, [from, to]),
  };
}

/** 1 for Monday to 7 for Sunday. */
function weekday(where: Zone): ClockCall {
  return {
    // Day 0 of 1970 was a Thursday.
    valueAt: (nowMs) => {
      const day = Math.floor(localMinutes(where, nowMs) / dayMinutes);
      return BigInt(((((day + 3) % 7) + 7) % 7) + 1);
    },
    windowAt: (nowMs) => windowOf(where, nowMs, []),
  };
}

function turn(atMs: number, { earlier }: { earlier: boolean }): ClockCall {
  return {
    valueAt: (nowMs) => nowMs < atMs === earlier,
    windowAt: (nowMs) =>
      nowMs < atMs ? { ...always, untilMs: atMs } : { ...always, fromMs: atMs },
  };
}

/** Minutes since 1970 by the clocks of a zone. */
function localMinutes(where: Zone, nowMs: number): number {
  return Math.floor((nowMs + where.offsetAt(nowMs).offsetMs) / minuteMs);
}

/** The span around a time in which no local time of the list, nor midnight, nor a change of clocks falls. */
function windowOf(where: Zone, nowMs: number, minutes: readonly number[]): Window {
  const { offsetMs, fromMs, untilMs } = where.offsetAt(nowMs);
  const midnightMs = Math.floor((nowMs + offsetMs) / dayMs) * dayMs - offsetMs;
  const turns = [0, ...minutes, dayMinutes].map((minute) => midnightMs + minute * minuteMs);
  return {
    fromMs: Math.max(fromMs, ...turns.filter((ms) => ms <= nowMs)),
    untilMs: Math.min(untilMs, ...turns.filter((ms) => ms > nowMs)),
  };
}

/** The span in which all of them stay the same. */
export function windowOfAll(calls: readonly ClockCall[], nowMs: number): Window {
  return calls
    .map((call) => call.windowAt(nowMs))
    .reduce(
      (whole, one) => ({
        fromMs: Math.max(whole.fromMs, one.fromMs),
        untilMs: Math.min(whole.untilMs, one.untilMs),
      }),
      always,
    );
}

function minuteOfDay(text: string): number {
  const [, hours, minutes] = /^([01]\d|2[0-3]):([0-5]\d)$/.exec(text) ?? [];
  if (hours === undefined || minutes === undefined) {
    if (text === '24:00') return dayMinutes;
    throw new Error(`${JSON.stringify(text)} is not a time of day; write it as "09:00"`);
  }
  return Number(hours) * 60 + Number(minutes);
}

function zone(name: string): Zone {
  const found = zoneOf(name);
  if (found) return found;
  throw new Error(`${JSON.stringify(name)} is no time zone; write it as "Asia/Taipei" or "UTC"`);
}

/** RFC 3339, section 5.6; no leap seconds. */
function instant(text: string): number {
  const form = /^\d{4}-\d\d-(\d\d)T\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/;
  const [, day] = form.exec(text) ?? [];
  const ms = Date.parse(text);
  // Date.parse turns the 30th of February into a day of March.
  const sameDay = new Date(`${text.slice(0, 10)}T00:00:00Z`).getUTCDate() === Number(day);
  if (day !== undefined && !Number.isNaN(ms) && sameDay) return ms;
  throw new Error(
    `${JSON.stringify(text)} is not a time; write it as "2027-01-31T18:00:00+08:00" (RFC 3339)`,
  );
}
