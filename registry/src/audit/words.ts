import type { DescEnum } from '@bufbuild/protobuf';
import { type Timestamp, timestampDate } from '@bufbuild/protobuf/wkt';

/** The short name of an enum's value, such as `ALLOW`; empty when it is not stated. */
export function localNameOf(schema: DescEnum, value: number): string {
  if (value === 0) return '';
  return schema.value[value]?.localName ?? String(value);
}

/** A time for programs and people, in UTC to the millisecond; absent is empty. */
export function timeText(time: Timestamp | undefined): string {
  return time ? timestampDate(time).toISOString() : '';
}
