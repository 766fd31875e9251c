/** What a Duration can hold at most. */
const SECONDS_MAX = 315_576_000_000;
const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/**
 * Reads a duration such as "60s", "500ms", "5m", "1h" or "1.5s" and writes it as proto JSON
 * does, in seconds. Undefined when it is none.
 */
export function durationJson(text: string): string | undefined {
  const [, digits, unit] = /^(\d{1,15}(?:\.\d{1,9})?)(ms|s|m|h)$/.exec(text) ?? [];
  const unitMs = UNITS_MS[unit ?? ''];
  if (digits === undefined || unitMs === undefined) return undefined;
  const nanos = Math.round(Number(digits) * unitMs * 1e6);
  const seconds = Math.floor(nanos / 1e9);
  if (seconds > SECONDS_MAX) return undefined;
  const rest = String(nanos % 1e9).padStart(9, '0');
  return `${seconds}.${rest}s`;
}
