import { parseRange } from '@weir/kit';
import { maxSatisfying } from 'semver';
import { notFound } from './refusals.ts';

/** Something that has versions. */
interface Versioned {
  readonly manifest?: { readonly version: string } | undefined;
}

/**
 * Picks the version that is meant: by a version, by a range, or the newest. Prereleases are only
 * meant when the range names them, or when there is nothing else.
 */
export function pickVersion<T extends Versioned>(
  held: readonly T[],
  wanted: { what: string; name: string; version: string },
): T {
  if (held.length === 0) throw notFound(wanted.what, wanted.name);
  const range = wanted.version === '' ? '*' : parseRange('version', wanted.version);
  const versions = held.map((one) => one.manifest?.version ?? '');
  const picked =
    maxSatisfying(versions, range) ?? maxSatisfying(versions, range, { includePrerelease: true });
  const found = held.find((one) => one.manifest?.version === picked);
  if (!found) throw notFound(`${wanted.what} ${wanted.name} of version`, wanted.version);
  return found;
}
