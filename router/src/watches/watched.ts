import semver from 'semver';
import type { Catalogue, ProviderVersion } from '../snapshot/catalogue.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';

/** The providers that tell what happens, each by the version that is watched, by their names. */
export function watchedIn({ tenants }: Snapshot): ReadonlyMap<string, ProviderVersion> {
  const watched = new Map<string, ProviderVersion>();
  for (const [tenant, { catalogue }] of tenants) {
    for (const version of watchedOf(catalogue, tenant)) watched.set(watchKey(version), version);
  }
  return watched;
}

/** What names a provider, of all its versions; neither part holds a slash. */
export function watchKey({ tenant, name }: Pick<ProviderVersion, 'tenant' | 'name'>): string {
  return `${tenant}/${name}`;
}

/** Looked at each second, and changed seldom. */
const known = new WeakMap<Catalogue, readonly ProviderVersion[]>();

function watchedOf(catalogue: Catalogue, tenant: string): readonly ProviderVersion[] {
  const kept = known.get(catalogue);
  if (kept) return kept;
  const newest = new Map<string, ProviderVersion>();
  for (const provider of catalogue.telling) {
    // What another tenant shares is watched in that tenant.
    if (provider.tenant !== tenant || !isWatchable(provider)) continue;
    const other = newest.get(provider.name);
    if (other && semver.compare(other.version, provider.version) >= 0) continue;
    newest.set(provider.name, provider);
  }
  const found = [...newest.values()];
  known.set(catalogue, found);
  return found;
}

/** A version of weight 0 is asked by who pins it, and tells nobody else anything. */
function isWatchable({ weight, usable }: ProviderVersion): boolean {
  return weight > 0 && usable.length > 0;
}
