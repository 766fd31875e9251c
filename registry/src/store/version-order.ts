import { parse } from 'semver';

const DIGITS = 16; // of Number.MAX_SAFE_INTEGER, semver's own bound

/**
 * Text that sorts by bytes as the version sorts by semver precedence, so that a database can
 * order and page by it.
 */
export function versionOrder(version: string): string {
  const parsed = parse(version);
  if (!parsed) return version;
  const numbers = [parsed.major, parsed.minor, parsed.patch].map(orderOfNumber).join('.');
  // "-" sorts before "~": a prerelease comes before its release.
  const rest = parsed.prerelease.length ? `-${parsed.prerelease.map(orderOfPart).join(' ')}` : '~';
  return numbers + rest;
}

/** Numeric parts come before words; a space, lower than any character of a part, ends each. */
function orderOfPart(part: string | number): string {
  const text = String(part);
  if (!/^\d+$/.test(text)) return `1${text}`;
  return `0${String(text.length).padStart(3, '0')}${text}`;
}

function orderOfNumber(value: number): string {
  return String(value).padStart(DIGITS, '0');
}
