import { type Duration, type Timestamp, timestampDate } from '@bufbuild/protobuf/wkt';

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
] as const;

/** A duration for people: `0.4 ms`, `12 ms`, `3.2 s`, `2 min 5 s`, `3 d 4 h`. */
export function formatMs(durationInMs: number): string {
  if (durationInMs < 10) return `${trimZero(durationInMs.toFixed(1))} ms`;
  if (durationInMs < 999.5) return `${Math.round(durationInMs)} ms`;
  if (durationInMs < 60_000) return `${trimZero((durationInMs / 1_000).toFixed(1))} s`;
  const first = UNITS.findIndex(([, size]) => durationInMs >= size);
  const [unit, size] = UNITS[first] ?? UNITS[3];
  const [nextUnit, nextSize] = UNITS[first + 1] ?? UNITS[3];
  const whole = Math.floor(durationInMs / size);
  const rest = Math.floor((durationInMs % size) / nextSize);
  return rest === 0 ? `${whole} ${unit}` : `${whole} ${unit} ${rest} ${nextUnit}`;
}

/** A duration of the contract in milliseconds, with what is below one; absent counts as nothing. */
export function msOf(duration: Duration | undefined): number {
  return duration === undefined ? 0 : Number(duration.seconds) * 1_000 + duration.nanos / 1e6;
}

/** A duration of the contract for people; absent counts as nothing. */
export function formatDuration(duration: Duration | undefined): string {
  return formatMs(msOf(duration));
}

/** A moment for people, in UTC to the second; absent is empty. */
export function formatTime(time: Timestamp | undefined): string {
  if (time === undefined) return '';
  return `${timestampDate(time).toISOString().slice(0, 19).replace('T', ' ')}Z`;
}

function trimZero(number: string): string {
  return number.endsWith('.0') ? number.slice(0, -2) : number;
}
