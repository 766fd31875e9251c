import { createHash } from 'node:crypto';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { Consumer } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import semver from 'semver';
import type { Ref } from './batch.ts';
import { type Refused, refused } from './outcome.ts';
import type { Offer, ProviderVersion } from './snapshot/catalogue.ts';
import { type Snapshot, typeNames, typeVersions } from './snapshot/snapshot.ts';

/** How a ref is to be answered: the offers to try, in order, or a refusal. */
export interface Plan {
  /** At least one unless refused; each of another provider. */
  readonly routes: readonly Offer[];
  readonly refused?: Refused;
  /** What was considered and left out, with the reason; only when asked for. */
  readonly rejected: readonly { readonly offer: Offer; readonly why: string }[];
}

/** Who a plan is made for. */
export interface PlanFor {
  readonly snapshot: Snapshot;
  readonly tenant: string;
  readonly consumer: Consumer | undefined;
  /** Whether to collect what was left out, and why. */
  readonly explain: boolean;
  /** Whether the caller may know that there is a type. */
  mayKnow(type: string): boolean;
}

/** The most providers that one ref is tried with. */
export const MAX_ROUTES_PER_REF = 4;

/**
 * Routes a ref, from the snapshot alone. Of the providers that offer the type, have keys of
 * this form and a version in the range, those with the longest key prefix come first, then
 * those of higher priority, then by name; later ones are tried when earlier ones have no such
 * key. Between the versions of a provider the weights decide, by the key: the same key goes
 * to the same version.
 */
export function planRef(ref: Ref, by: PlanFor): Plan {
  const offers = by.snapshot.tenants.get(by.tenant)?.catalogue.offers.get(ref.type) ?? noOffers;
  if (offers.length === 0) return { routes: [], rejected: [], refused: noOffer(ref, by) };
  if (offers.length === 1 && !by.explain) {
    const only = offers[0] as Offer;
    if (suits(ref, only, by)) return planOf(only);
  }
  return planAmong(ref, offers, by);
}

const noOffers: readonly Offer[] = [];

/** Most types have one offer: whether it takes a ref, when nothing is to be said of why it does not. */
function suits(
  ref: Ref,
  { provider, keyPrefix, typeVersion }: Offer,
  { consumer }: PlanFor,
): boolean {
  if (provider.weight === 0) return false;
  if (ref.provider !== '' && ref.provider !== provider.name) return false;
  if (keyPrefix !== '' && !ref.key.startsWith(keyPrefix)) return false;
  if (consumer === undefined) return satisfies(typeVersion, ref.versionRange);
  return (
    pinOf(consumer, 'provider', provider.name) === '' &&
    satisfies(typeVersion, typeRange(ref, consumer))
  );
}

/** One plan for each offer: refs of it share it. */
const plans = new WeakMap<Offer, Plan>();

function planOf(offer: Offer): Plan {
  const known = plans.get(offer);
  if (known) return known;
  const plan = { routes: [offer], rejected: [] };
  plans.set(offer, plan);
  return plan;
}

function planAmong(ref: Ref, offers: readonly Offer[], by: PlanFor): Plan {
  const rejected: { offer: Offer; why: string }[] = [];
  const reject = (offer: Offer, why: string) => {
    if (by.explain) rejected.push({ offer, why });
    return false;
  };
  const matching = offers.filter((offer) => {
    if (ref.provider !== '' && offer.provider.name !== ref.provider) {
      return reject(offer, `the ref asks for provider ${ref.provider}`);
    }
    if (!ref.key.startsWith(offer.keyPrefix)) {
      return reject(offer, `it only has keys that begin with ${JSON.stringify(offer.keyPrefix)}`);
    }
    return true;
  });
  if (matching.length === 0) return { routes: [], rejected, refused: noMatch(ref, offers) };

  const range = typeRange(ref, by.consumer);
  const inRange = matching.filter(
    (offer) => satisfies(offer.typeVersion, range) || reject(offer, `version outside of ${range}`),
  );
  if (inRange.length === 0) {
    return { routes: [], rejected, refused: noVersion(ref, range, matching) };
  }
  const routes = routesOf(ref, inRange, by.consumer, reject).slice(0, MAX_ROUTES_PER_REF);
  if (routes.length === 0) return { routes, rejected, refused: noEligible(ref, inRange) };
  return { routes, rejected };
}

/** Whether a version lies in a range; an empty range takes every version. */
export function satisfies(version: string, range: string): boolean {
  return range === '' || semver.satisfies(version, parsedRange(range));
}

const RANGES_KEPT = 1_000;
const ranges = new Map<string, semver.Range>();

function parsedRange(range: string): semver.Range {
  const known = ranges.get(range);
  if (known) return known;
  const parsed = new semver.Range(range);
  if (ranges.size >= RANGES_KEPT) ranges.clear();
  ranges.set(range, parsed);
  return parsed;
}

function typeRange(ref: Ref, consumer: Consumer | undefined): string {
  return ref.versionRange || pinOf(consumer, 'type', ref.type);
}

/** The version range that a consumer holds a type or provider to; empty: none. */
export function pinOf(
  consumer: Consumer | undefined,
  kind: 'type' | 'provider',
  name: string,
): string {
  const pins = consumer?.manifest?.pins ?? [];
  return pins.find((p) => p.target.case === kind && p.target.value === name)?.versionRange ?? '';
}

/** One route for each provider, in the order of the offers. */
function routesOf(
  ref: Ref,
  offers: readonly Offer[],
  consumer: Consumer | undefined,
  reject: (offer: Offer, why: string) => boolean,
): Offer[] {
  const groups = new Map<string, Offer[]>();
  for (const offer of offers) {
    const of = `${offer.provider.tenant}/${offer.provider.name}`;
    const group = groups.get(of);
    if (group) group.push(offer);
    else groups.set(of, [offer]);
  }
  const routes: Offer[] = [];
  for (const group of groups.values()) {
    const chosen = chooseVersion(ref, group, consumer, reject);
    if (chosen) routes.push(chosen);
  }
  return routes;
}

function chooseVersion(
  ref: Ref,
  group: readonly Offer[],
  consumer: Consumer | undefined,
  reject: (offer: Offer, why: string) => boolean,
): Offer | undefined {
  const name = group[0]?.provider.name ?? '';
  const pin = pinOf(consumer, 'provider', name);
  if (pin === '' && group.length === 1 && group[0] && group[0].provider.weight > 0) return group[0];
  const eligible = group.filter((offer) => {
    if (pin !== '') {
      return (
        satisfies(offer.provider.version, pin) || reject(offer, `the consumer pins ${name} ${pin}`)
      );
    }
    return offer.provider.weight > 0 || reject(offer, 'its weight is 0');
  });
  const alive = eligible.filter((offer) => offer.provider.up > 0);
  const candidates = alive.length > 0 ? alive : eligible;
  const version = weightedVersion(ref, candidates);
  for (const offer of eligible) {
    if (offer.provider === version) continue;
    const dead = alive.length > 0 && offer.provider.up === 0;
    reject(offer, dead ? 'none of its endpoints is up' : 'the weights gave this key to another');
  }
  // Offers are sorted by type version, newest first.
  return candidates.find((offer) => offer.provider === version);
}

function weightedVersion(ref: Ref, offers: readonly Offer[]): ProviderVersion | undefined {
  const versions = [...new Set(offers.map((offer) => offer.provider))];
  if (versions.length <= 1) return versions[0];
  const weightOf = (version: ProviderVersion) => Math.max(version.weight, 1);
  const total = versions.reduce((sum, version) => sum + weightOf(version), 0);
  let point = keyPoint(`${versions[0]?.name}\0${ref.type}\0${ref.key}`) * total;
  for (const version of versions) {
    point -= weightOf(version);
    if (point < 0) return version;
  }
  return versions[0];
}

/** A number in [0, 1) that depends on a text alone, evenly spread. */
function keyPoint(text: string): number {
  return createHash('sha256').update(text).digest().readUInt32BE(0) / 2 ** 32;
}

/** The types that the refs of one batch may name, made once for all of them. */
const known = new WeakMap<PlanFor, string>();

function knownTo(by: PlanFor): string {
  const names = known.get(by) ?? typeNames(by.snapshot, by.tenant, by.mayKnow);
  known.set(by, names);
  return names;
}

function noOffer(ref: Ref, by: PlanFor): Refused {
  if (typeVersions(by.snapshot, by.tenant, ref.type) === undefined) {
    return refused(Reason.TYPE_UNKNOWN, `there is no type ${ref.type}; there are: ${knownTo(by)}`);
  }
  return refused(Reason.PROVIDER_UNKNOWN, `no provider offers ${ref.type}; register one that does`);
}

function noMatch(ref: Ref, offers: readonly Offer[]): Refused {
  const names = [...new Set(offers.map((offer) => offer.provider.name))].join(', ');
  return ref.provider !== '' && !offers.some((offer) => offer.provider.name === ref.provider)
    ? refused(
        Reason.PROVIDER_UNKNOWN,
        `provider ${ref.provider} does not offer ${ref.type}; these do: ${names}`,
      )
    : refused(Reason.KEY_NOT_FOUND, `no provider of ${ref.type} has keys of this form`);
}

function noEligible(ref: Ref, offers: readonly Offer[]): Refused {
  const offeredVersions = versionsOf(offers);
  const providers = offers.map(({ provider }) => `${provider.name} ${provider.version}`);
  return refused(
    Reason.VERSION_NOT_OFFERED,
    `what offers ${ref.type} is of weight 0, or outside of the consumer's pin; there is: ${[...new Set(providers)].join(', ')}`,
    { offeredVersions },
  );
}

function versionsOf(offers: readonly Offer[]): string[] {
  return [...new Set(offers.map((offer) => offer.typeVersion))].sort(semver.rcompare);
}

function noVersion(ref: Ref, range: string, offers: readonly Offer[]): Refused {
  const offered = versionsOf(offers);
  return refused(
    Reason.VERSION_NOT_OFFERED,
    `${ref.type} is not offered in version ${range}; on offer: ${offered.join(', ')}`,
    { offeredVersions: offered },
  );
}
