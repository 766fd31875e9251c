/** Numbers up to the next are seconds since 1970, then milli-, micro- and nanoseconds. */
const units = [
  { below: 1e11, perMs: 1e-3 },
  { below: 1e14, perMs: 1 },
  { below: 1e17, perMs: 1e3 },
  { below: 1e20, perMs: 1e6 },
] as const;

/** The time that a logger wrote: a number since 1970, or ISO 8601. */
export function toTime(value: unknown): Date | undefined {
  const text = typeof value === 'string' ? value.trim() : undefined;
  const number = typeof value === 'number' ? value : Number(text || Number.NaN);
  if (Number.isFinite(number)) return inCalendar(new Date(toMs(number)));
  if (text === undefined || !/^\d{4}-\d\d-\d\d[T ]\d\d:\d\d/.test(text)) return undefined;
  return inCalendar(new Date(text));
}

function toMs(number: number): number {
  const unit = units.find(({ below }) => Math.abs(number) < below);
  return unit ? Math.round(number / unit.perMs) : Number.NaN;
}

/** RFC 3339 writes years with four digits. */
function inCalendar(date: Date): Date | undefined {
  const year = date.getUTCFullYear();
  return year >= 0 && year <= 9999 ? date : undefined;
}
