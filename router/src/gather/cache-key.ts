import type { Offer } from '../snapshot/catalogue.ts';

/**
 * The key of a value in every cache, and of its coalescing: consuming tenant, provider,
 * version, manifest hash, type version, scope, key. The parts are joined by NUL, which no
 * name, version or key can hold (all are parsed before they get here), so that no value can
 * forge another's key.
 */
export function cacheKey(
  tenant: string,
  offer: Offer,
  caller: { principal: string },
  key: string,
): string {
  const { provider } = offer;
  return [
    tenant,
    provider.tenant,
    provider.name,
    provider.version,
    provider.manifestHash,
    offer.type,
    offer.typeVersion,
    offer.scope === 'tenant' ? '' : caller.principal,
    key,
  ].join('\0');
}
