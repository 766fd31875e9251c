import { type Duration, durationMs, type Timestamp } from '@bufbuild/protobuf/wkt';
import { Sensitivity, SensitivitySchema } from '@weir/sdk/gen/weir/context/v1/context_pb';

// What providers say is brought within the contract here, so that nothing they say can break
// the answer to a caller: what lies beyond it is left out, or cut.

/** 0001-01-01 and 9999-12-31: what lies beyond has no form in JSON. */
const MIN_SECONDS = -62_135_596_800n;
const MAX_SECONDS = 253_402_300_799n;
const MAX_NANOS = 999_999_999;
const MAX_DELAY_MS = 60 * 60 * 1000;

/** A point in time that every protocol can carry; undefined for any other. */
export function timeOf(time: Timestamp | undefined): Timestamp | undefined {
  if (!time) return undefined;
  const { seconds, nanos } = time;
  const valid = seconds >= MIN_SECONDS && seconds <= MAX_SECONDS && nanos >= 0;
  return valid && nanos <= MAX_NANOS ? time : undefined;
}

/** A quality or score from 0 to 1; undefined for anything else. */
export function shareOf(share: number | undefined): number | undefined {
  return share !== undefined && share >= 0 && share <= 1 ? share : undefined;
}

/** A level that is newer than this router is held to be the highest. */
export function sensitivityOf(level: Sensitivity): Sensitivity {
  return SensitivitySchema.value[level] ? level : Sensitivity.RESTRICTED;
}

/** When to ask again: within the hour. */
export function delayMsOf(delay: Duration): number {
  return Math.min(Math.max(Math.round(durationMs(delay)), 0), MAX_DELAY_MS);
}

/** Text for people, on one line, without what could rewrite a screen. */
export function plainText(text: string, maxChars: number): string {
  const cut = text.length > maxChars ? `${text.slice(0, maxChars - 1)}…` : text;
  return cut.toWellFormed().replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu, ' ');
}
