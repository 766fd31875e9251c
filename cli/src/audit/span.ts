import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { InvalidArgumentError, Option } from 'commander';
import { parseDurationMs } from '../options.ts';

/** A span of time, from its first moment to before its last (wall, ms). */
export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/** What the options of a span say. */
export interface SpanOptions {
  readonly from?: Span;
  readonly to?: Span;
  readonly in?: Span;
}

const DAY_MS = 86_400_000;

/**
 * Reads a time, in UTC where it names no zone: a year, month or day, `today`, `yesterday`, how long
 * ago (`24h`, `7d`), or a moment of RFC 3339.
 */
export function parseSpan(text: string, nowMs = Date.now()): Span {
  const span = dayNamed(text, nowMs) ?? calendarSpan(text) ?? momentOf(text, nowMs);
  if (span) return span;
  throw new InvalidArgumentError(
    'Write a month or day (2026-05, 2026-05-31), today, yesterday, how long ago (24h, 7d), ' +
      'or a moment (2026-05-31T18:00:00Z).',
  );
}

/** The options that bound a search in time. `last` says what holds when none is given. */
export function spanOptions(last: string): Option[] {
  const parse = (text: string) => parseSpan(text);
  return [
    new Option('--in <time>', 'within a month, day or year, such as 2026-05')
      .argParser(parse)
      .conflicts(['from', 'to']),
    new Option('--from <time>', `from then on (default: ${last})`).argParser(parse),
    new Option('--to <time>', 'up to the end of then (default: now)').argParser(parse),
  ];
}

/** The span of options, as the contract writes it; what is not said is left out. */
export function spanOf({ from, to, in: within }: SpanOptions) {
  const fromMs = within?.fromMs ?? from?.fromMs;
  const toMs = within?.toMs ?? to?.toMs;
  return {
    ...(fromMs !== undefined && { from: timestampFromMs(fromMs) }),
    ...(toMs !== undefined && { to: timestampFromMs(toMs) }),
  };
}

function dayNamed(text: string, nowMs: number): Span | undefined {
  const todayMs = nowMs - (nowMs % DAY_MS);
  if (text === 'today') return { fromMs: todayMs, toMs: todayMs + DAY_MS };
  if (text === 'yesterday') return { fromMs: todayMs - DAY_MS, toMs: todayMs };
  return undefined;
}

function calendarSpan(text: string): Span | undefined {
  const [, year, month, day] = /^(\d{4})(?:-(\d\d))?(?:-(\d\d))?$/.exec(text) ?? [];
  if (year === undefined) return undefined;
  const from = new Date(Date.UTC(Number(year), Number(month ?? 1) - 1, Number(day ?? 1)));
  if (!from.toISOString().startsWith(text)) return undefined;
  const to = new Date(from);
  if (day !== undefined) to.setUTCDate(to.getUTCDate() + 1);
  else if (month !== undefined) to.setUTCMonth(to.getUTCMonth() + 1);
  else to.setUTCFullYear(to.getUTCFullYear() + 1);
  return { fromMs: from.getTime(), toMs: to.getTime() };
}

function momentOf(text: string, nowMs: number): Span | undefined {
  if (/^\d+(?:\.\d+)?(?:ms|s|m|h|d)$/.test(text)) {
    const ms = Math.max(0, nowMs - parseDurationMs(text));
    return { fromMs: ms, toMs: ms };
  }
  const isMoment = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)$/.test(text);
  const ms = isMoment ? Date.parse(text) : Number.NaN;
  return Number.isNaN(ms) ? undefined : { fromMs: ms, toMs: ms };
}
