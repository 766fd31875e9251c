import type { PayloadOf } from '@weir/sdk';
import { type Severity, toSeverity } from './severity.ts';
import { toTime } from './time.ts';

/** The value of an entry, as callers get it. */
export type LogEntry = PayloadOf<'LogEntry'>;

/** A line of a log, as it stands in the file. */
export interface LogLine {
  /** The id of the entry. */
  readonly key: string;
  /** The key of the line before. */
  readonly previous?: string;
  /** The name of the file. */
  readonly log: string;
  /** Where the line begins, in bytes. */
  readonly offset: number;
  /** The line, without its end. */
  readonly text: string;
  /** Whether the line was longer than is kept of it. */
  readonly isCut: boolean;
  /** When it was there at the latest. */
  readonly seen: Date;
}

/** What was read of a line, apart from its place. */
interface Content extends Omit<LogEntry, 'id' | 'source' | 'timestamp' | 'observedTimestamp'> {
  readonly time?: Date | undefined;
}

/** Reads a line: one of JSON, as pino and others write it, or of plain text. */
export function toEntry(line: LogLine): LogEntry {
  const fields = line.isCut ? undefined : parseObject(line.text);
  const { time, attributes, ...content } = fields ? fromFields(fields) : fromText(line.text);
  const known = { ...attributes, ...(line.isCut && { 'log.truncated': true }) };
  const seen = line.seen.toISOString();
  return {
    id: line.key,
    timestamp: time?.toISOString() ?? seen,
    ...(!time && { observedTimestamp: seen }),
    ...content,
    ...(Object.keys(known).length > 0 && { attributes: known }),
    source: {
      log: line.log,
      offset: line.offset,
      ...(line.previous && { previous: line.previous }),
    },
  };
}

type Exception = NonNullable<LogEntry['exception']>;
type Fields = Record<string, unknown>;

function parseObject(text: string): Fields | undefined {
  if (!text.startsWith('{')) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isFields(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The names under which loggers write the same thing; the first that is there counts. */
const names = {
  time: ['time', 'timestamp', '@timestamp', 'ts', 'datetime'],
  level: ['level', 'severity', 'severityText', 'levelname', 'lvl'],
  message: ['msg', 'message', 'body'],
  service: ['service.name', 'service', 'name'],
  host: ['host.name', 'hostname'],
  process: ['process.pid', 'pid'],
  logger: ['logger', 'logger_name', 'scope'],
  trace: ['trace_id', 'traceId'],
  span: ['span_id', 'spanId'],
  flags: ['trace_flags', 'traceFlags'],
  error: ['err', 'error', 'exception'],
} as const;

function fromFields(fields: Fields): Content {
  const rest: Fields = { ...fields };
  const take = <T>(which: keyof typeof names, read: (value: unknown) => T | undefined) =>
    takeField(rest, names[which], read);
  const time = take('time', toTime);
  const severity = take('level', toSeverity);
  const message = take('message', (value) => (value === '' ? undefined : value));
  const resource = {
    ...named('service.name', take('service', toText)),
    ...named('host.name', take('host', toText)),
    ...named('process.pid', take('process', toNumber)),
  };
  const logger = take('logger', toText);
  const exception = take('error', toException);
  const traceId = take('trace', toHex(32));
  const spanId = traceId ? take('span', toHex(16)) : undefined;
  const traceFlags = traceId ? take('flags', toFlags) : undefined;
  // Without a message, all that is left is what the entry says.
  const body = message ?? exception?.message ?? rest;
  return {
    time,
    ...toLevel(severity),
    body,
    ...(body !== rest && { attributes: rest }),
    ...(Object.keys(resource).length > 0 && { resource }),
    ...(logger && { scope: { name: logger } }),
    ...named('traceId', traceId),
    ...named('spanId', spanId),
    ...named('traceFlags', traceFlags),
    ...named('exception', exception),
  };
}

/** Takes the first of the names that has a readable value out of the fields. */
function takeField<T>(
  fields: Fields,
  candidates: readonly string[],
  read: (value: unknown) => T | undefined,
): T | undefined {
  for (const name of candidates) {
    if (!Object.hasOwn(fields, name)) continue;
    const value = read(fields[name]);
    if (value === undefined) continue;
    delete fields[name];
    return value;
  }
  return undefined;
}

const plainLevel = /^[[(<]?([A-Za-z]{3,13})[\])>]?(?:[:\s-]+|$)/;

function fromText(text: string): Content {
  const { time, rest } = takeTime(text);
  const match = plainLevel.exec(rest);
  const severity = toSeverity(match?.[1]);
  const body = match && severity ? rest.slice(match[0].length) : rest;
  return { time, ...toLevel(severity), body: body || text };
}

const plainTime =
  /^\[?(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?)[ ]?(Z|UTC|[+-]\d\d:?\d\d)?\]?[:\s-]*/;

function takeTime(text: string): { time?: Date | undefined; rest: string } {
  const match = plainTime.exec(text);
  const [all = '', clock = '', zone = ''] = match ?? [];
  if (!match) return { rest: text };
  const offset = zone === 'UTC' ? 'Z' : zone.replace(/^([+-]\d\d):?(\d\d)$/, '$1:$2');
  const time = toTime(`${clock.replace(' ', 'T').replace(',', '.')}${offset}`);
  return time ? { time, rest: text.slice(all.length) } : { rest: text };
}

function toLevel(
  severity: Severity | undefined,
): Pick<LogEntry, 'severityNumber' | 'severityText'> {
  return severity ? { severityNumber: severity.number, severityText: severity.text } : {};
}

function named<Name extends string, T>(name: Name, value: T | undefined): { [name in Name]?: T } {
  return value === undefined ? {} : ({ [name]: value } as { [name in Name]?: T });
}

function toText(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function toNumber(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

function toHex(length: number): (value: unknown) => string | undefined {
  return (value) => {
    const text = toText(value)?.toLowerCase();
    return text?.length === length && /^[0-9a-f]+$/.test(text) ? text : undefined;
  };
}

function toFlags(value: unknown): number | undefined {
  const flags = typeof value === 'string' ? Number.parseInt(value, 16) : value;
  if (typeof flags !== 'number' || !Number.isInteger(flags)) return undefined;
  return flags >= 0 && flags <= 255 ? flags : undefined;
}

function toException(value: unknown): Exception | undefined {
  if (!isFields(value)) return undefined;
  const exception = {
    ...named('type', toText(value.type) ?? toText(value.name)),
    ...named('message', toText(value.message)),
    ...named('stacktrace', toText(value.stack) ?? toText(value.stacktrace)),
  };
  return Object.keys(exception).length > 0 ? exception : undefined;
}
