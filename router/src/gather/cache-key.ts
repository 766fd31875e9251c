import type { Caller } from '@weir/kit';
import type { Offer } from '../snapshot/catalogue.ts';
import { told } from './told.ts';

/**
 * What the keys of all values begin with that an offer has for callers of one scope; the value's own
 * key follows. Keys are so made in every cache, and for coalescing: consuming tenant, provider,
 * version, manifest hash, type version, checks, scope, key. The checks tell the schema, which
 * may be another one under the same version once the type was taken away. The parts
 * are joined by NUL, which no name, version or key can hold (all are parsed before they get
 * here), so that no value can forge another's key.
 */
export function keyPrefix(caller: Caller, offer: Offer): string {
  return prefixOf(
    caller.tenant,
    offer,
    offer.scope === 'tenant' ? '' : principalScope(offer, caller),
  );
}

/** The same for an offer whose values all callers of a tenant share. */
export function sharedPrefix(tenant: string, offer: Offer): string {
  return prefixOf(tenant, offer, '');
}

function prefixOf(tenant: string, offer: Offer, scope: string): string {
  const { provider } = offer;
  return [
    tenant,
    provider.tenant,
    provider.name,
    provider.version,
    provider.manifestHash,
    offer.type,
    offer.typeVersion,
    offer.checks?.questions.id ?? '',
    scope,
    '',
  ].join('\0');
}

/** Tells apart the callers that do not share the values of an offer. */
export function scopeName(caller: Caller, offer: Offer): string {
  if (offer.scope === 'tenant') return caller.tenant;
  return `${caller.tenant}\0${principalScope(offer, caller)}`;
}

/** The scope of a value made for a principal: they, with all that the provider was told of them. */
function principalScope({ provider }: Offer, caller: Caller): string {
  if (provider.principalAttributes.length === 0) return caller.principal;
  return `${caller.principal} ${JSON.stringify(told(provider, caller).attributes)}`;
}
