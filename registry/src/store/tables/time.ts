import { type Timestamp, timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';

/** The time of a thing that always has one. */
export function dateOf(time: Timestamp | undefined): Date {
  if (!time) throw new Error('a thing to be stored has no time');
  return timestampDate(time);
}

/** The time of a thing that may have none. */
export function dateOrNull(time: Timestamp | undefined): Date | null {
  return time ? timestampDate(time) : null;
}

/** A column that may hold no time, as fields to spread into a message. */
export function timeField<K extends string>(name: K, date: Date | null): { [P in K]?: Timestamp } {
  return date ? ({ [name]: timestampFromDate(date) } as { [P in K]?: Timestamp }) : {};
}
