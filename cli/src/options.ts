import { Sensitivity } from '@weir/sdk/gen/weir/context/v1/context_pb';
import { Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { InvalidArgumentError } from 'commander';

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
/** Timestamps of the contract end with the year 9999. */
const GREATEST_MS = 7_000 * 365 * 86_400_000;

const scopes: Readonly<Record<string, Scope>> = {
  read: Scope.READ,
  call: Scope.CALL,
  register: Scope.REGISTER,
  admin: Scope.ADMIN,
  platform: Scope.PLATFORM,
};

/** The scopes that a key can have, as they are written on the command line. */
export const scopeNames: readonly string[] = Object.keys(scopes);

/** Reads a duration such as `500ms`, `5s`, `2m`, `1h` or `30d`, in whole milliseconds. */
export function parseDurationMs(text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text.trim()) ?? [];
  const durationMs = Math.ceil(Number(number) * (UNIT_MS[unit ?? ''] ?? Number.NaN));
  if (Number.isFinite(durationMs) && durationMs <= GREATEST_MS) return durationMs;
  throw new InvalidArgumentError('Write a number with a unit, such as 500ms, 5s, 2m, 1h or 30d.');
}

/** Reads a duration longer than nothing, in milliseconds. */
export function parseTimeMs(text: string): number {
  const durationMs = parseDurationMs(text);
  if (durationMs > 0) return durationMs;
  throw new InvalidArgumentError('Must be longer than nothing.');
}

/** Reads a limit: a whole number from 1 to 100,000. */
export function parseLimit(text: string): number {
  return parseWhole(text, { least: 1, greatest: 100_000 });
}

/** Reads a port. */
export function parsePort(text: string): number {
  return parseWhole(text, { least: 0, greatest: 65_535 });
}

/** Reads a quality from 0 to 1. */
export function parseQuality(text: string): number {
  const quality = Number(text);
  if (text.trim() !== '' && quality >= 0 && quality <= 1) return quality;
  throw new InvalidArgumentError('Write a number from 0 to 1.');
}

/** Reads scopes, one or several with commas, and adds them to those given before. */
export function parseScopes(text: string, before: readonly Scope[] = []): readonly Scope[] {
  const added = text.split(',').map((name) => {
    const scope = scopes[name.trim().toLowerCase()];
    if (scope !== undefined) return scope;
    throw new InvalidArgumentError(
      `There is no scope "${name}"; there are ${scopeNames.join(', ')}.`,
    );
  });
  return [...new Set([...before, ...added])];
}

/** Reads texts, one or several with commas, and adds them to those given before. */
export function parseTexts(text: string, before: readonly string[] = []): readonly string[] {
  const added = text.split(',').map((each) => each.trim());
  if (!added.includes('')) return [...before, ...added];
  throw new InvalidArgumentError('Write one or several, with commas between them.');
}

/** Reads `NAME=VALUE`, and adds it to those given before. */
export function parseNamed(
  text: string,
  before: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const at = text.indexOf('=');
  if (at > 0 && at < text.length - 1) {
    return Object.fromEntries([...Object.entries(before), [text.slice(0, at), text.slice(at + 1)]]);
  }
  throw new InvalidArgumentError('Write NAME=VALUE.');
}

/** The name of a scope as it is written on the command line. */
export function scopeText(scope: Scope): string {
  return Object.keys(scopes).find((name) => scopes[name] === scope) ?? `scope ${scope}`;
}

/** Reads `NAME` or `NAME@VERSION`. */
export function parseNameAndVersion(text: string): { name: string; version: string } {
  const at = text.indexOf('@');
  if (at === -1) return { name: text, version: '' };
  const version = text.slice(at + 1);
  if (version !== '') return { name: text.slice(0, at), version };
  throw new InvalidArgumentError('Name a version after the "@", or drop the "@".');
}

/** Reads a whole number within bounds. */
export function parseWhole(text: string, range: { least: number; greatest: number }): number {
  const number = Number(text);
  const fits = Number.isSafeInteger(number) && number >= range.least && number <= range.greatest;
  if (/^\d+$/.test(text) && fits) return number;
  throw new InvalidArgumentError(`Write a whole number from ${range.least} to ${range.greatest}.`);
}

const sensitivities: Readonly<Record<string, Sensitivity>> = {
  public: Sensitivity.PUBLIC,
  internal: Sensitivity.INTERNAL,
  confidential: Sensitivity.CONFIDENTIAL,
  restricted: Sensitivity.RESTRICTED,
};

/** The sensitivities of items, as they are written on the command line. */
export const sensitivityNames: readonly string[] = Object.keys(sensitivities);

/** Reads a sensitivity. */
export function parseSensitivity(text: string): Sensitivity {
  const sensitivity = sensitivities[text.toLowerCase()];
  if (sensitivity !== undefined) return sensitivity;
  throw new InvalidArgumentError(`There are ${sensitivityNames.join(', ')}.`);
}

/** Reads a moment: RFC 3339 such as `2027-01-31T18:00:00+08:00`, a day, or so long ago as `24h`. */
export function parseMoment(text: string): Date {
  if (/^\d+(?:\.\d+)?(?:ms|s|m|h|d)$/.test(text))
    return new Date(Date.now() - parseDurationMs(text));
  const isMoment = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d))?$/.test(
    text,
  );
  const moment = new Date(text);
  if (isMoment && !Number.isNaN(moment.getTime())) return moment;
  throw new InvalidArgumentError(
    'Write a time as in 2027-01-31T18:00:00Z, a day as in 2027-01-31, or how long ago, as in 24h.',
  );
}
