import type { Caller } from '@weir/kit';
import type { Offer } from '../snapshot/catalogue.ts';
import { told } from './told.ts';

/**
 * The key of a value in every cache, and of its coalescing: consuming tenant, provider,
 * version, manifest hash, type version, checks, scope, key. The checks tell the schema, which
 * may be another one under the same version once the type was taken away. The scope of a value
 * made for a principal is the principal with all that the provider was told of them. The parts
 * are joined by NUL, which no name, version or key can hold (all are parsed before they get
 * here), so that no value can forge another's key.
 */
export function cacheKey(caller: Caller, offer: Offer, key: string): string {
  const { provider } = offer;
  return [
    caller.tenant,
    provider.tenant,
    provider.name,
    provider.version,
    provider.manifestHash,
    offer.type,
    offer.typeVersion,
    offer.checks?.questions.id ?? '',
    offer.scope === 'tenant' ? '' : principalScope(offer, caller),
    key,
  ].join('\0');
}

function principalScope({ provider }: Offer, caller: Caller): string {
  if (provider.principalAttributes.length === 0) return caller.principal;
  return `${caller.principal} ${JSON.stringify(told(provider, caller).attributes)}`;
}
