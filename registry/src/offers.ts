import type { ProviderManifest } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { BUILT_IN_TENANT } from './builtin-types.ts';
import type { Fault } from './manifest/fault.ts';
import type { Reader } from './store/store.ts';

/** What a provider offers, and its topics, whose type or version nobody has published. */
export async function offerFaults(
  reader: Reader,
  tenant: string,
  manifest: ProviderManifest,
): Promise<Fault[]> {
  const known = new Map<string, readonly string[]>();
  const faults: Fault[] = [];
  const typed = manifest.topics.map((topic, index) => ({ ...topic, path: ['topics', index] }));
  const offers = [
    ...manifest.contexts.map((offer, index) => ({ ...offer, path: ['contexts', index] })),
    ...typed.filter(({ type }) => type !== ''),
  ];
  for (const offer of offers) {
    const versions = known.get(offer.type) ?? (await versionsOf(reader, tenant, offer.type));
    known.set(offer.type, versions);
    if (versions.includes(offer.version)) continue;
    faults.push(
      versions.length === 0
        ? {
            path: [...offer.path, 'type'],
            text: `the type ${offer.type} is not known; publish it first`,
          }
        : {
            path: [...offer.path, 'version'],
            text: `the type ${offer.type} has no version ${offer.version}; there is ${versions.join(', ')}`,
          },
    );
  }
  return faults;
}

async function versionsOf(reader: Reader, tenant: string, type: string): Promise<string[]> {
  const builtIn = await reader.typeVersions(BUILT_IN_TENANT, type);
  const held = builtIn.length > 0 ? builtIn : await reader.typeVersions(tenant, type);
  return held.map((one) => one.manifest?.version ?? '');
}
