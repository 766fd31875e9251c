import { type Caller, refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { Consumer } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import type { ListContextRequest } from '@weir/sdk/gen/weir/router/v1/router_pb';
import type { Authority } from '../authorise.ts';
import { pinOf, satisfies } from '../plan.ts';
import type { Offer } from '../snapshot/catalogue.ts';
import { typeNames, typeVersions } from '../snapshot/snapshot.ts';

/** The most sources that one list is made of. */
export const MAX_SOURCES = 64;

/**
 * The offers to list from: of each provider and type the version that the consumer pins, else
 * the one with the greatest weight (of equal ones the newest), if it can be listed.
 */
export function listSources(
  authority: Authority,
  { tenant, consumer: consumerName }: Pick<Caller, 'tenant' | 'consumer'>,
  request: ListContextRequest,
): Offer[] {
  const { type, provider, keyPrefix } = request;
  const { snapshot } = authority;
  const mayKnow = (name: string) => authority.access('list', name).visible;
  const consumer = snapshot.tenants.get(tenant)?.consumers.get(consumerName);
  // Of a type that they may not know of, nobody learns whether it is there.
  if (type !== '' && !mayKnow(type)) return [];
  if (type !== '' && typeVersions(snapshot, tenant, type) === undefined) {
    const known = typeNames(snapshot, tenant, mayKnow);
    throw refuse(Reason.TYPE_UNKNOWN, `there is no type ${type}; there are: ${known}`);
  }
  const offers = snapshot.tenants.get(tenant)?.catalogue.offers ?? new Map<string, Offer[]>();
  const wanted = type === '' ? [...offers.values()].flat() : (offers.get(type) ?? []);
  const best = new Map<string, Offer>();
  for (const offer of wanted) {
    if (!mayKnow(offer.type)) continue;
    if (provider !== '' && offer.provider.name !== provider) continue;
    if (!overlap(offer.keyPrefix, keyPrefix) || !wouldServe(offer, consumer)) continue;
    const of = `${offer.type}/${offer.provider.tenant}/${offer.provider.name}`;
    const known = best.get(of);
    // Offers come newest first, so that only a greater weight takes the place.
    if (!known || offer.provider.weight > known.provider.weight) best.set(of, offer);
  }
  const sources = [...best.values()].filter((offer) => offer.listable);
  if (sources.length > MAX_SOURCES) {
    throw refuse(
      Reason.MALFORMED_REQUEST,
      `${sources.length} providers would be asked; at most ${MAX_SOURCES}: name a type or a provider`,
    );
  }
  return sources;
}

/** Whether a fetch of the consumer's could be routed to the offer. */
function wouldServe({ provider, type, typeVersion }: Offer, consumer?: Consumer): boolean {
  const pin = pinOf(consumer, 'provider', provider.name);
  if (!satisfies(typeVersion, pinOf(consumer, 'type', type))) return false;
  return pin === '' ? provider.weight > 0 : satisfies(provider.version, pin);
}

function overlap(a: string, b: string): boolean {
  return a.startsWith(b) || b.startsWith(a);
}
