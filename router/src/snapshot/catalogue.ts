import { durationMs } from '@bufbuild/protobuf/wkt';
import type { Sensitivity } from '@weir/sdk/gen/weir/context/v1/context_pb';
import {
  CacheScope,
  type ContextOffer,
  type Endpoint,
  EndpointHealth,
  type Provider,
} from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import semver from 'semver';

/** A provider version as the router calls it. */
export interface ProviderVersion {
  readonly tenant: string;
  readonly name: string;
  readonly version: string;
  readonly manifestHash: string;
  readonly weight: number;
  readonly priority: number;
  readonly timeoutMs: number;
  readonly wantsPrincipal: boolean;
  readonly principalAttributes: readonly string[];
  /** A `secret://` reference; empty: none. */
  readonly bearer: string;
  /** All endpoints that are not draining. */
  readonly known: readonly Endpoint[];
  /** Those of them that calls go to. */
  readonly usable: readonly Endpoint[];
  /** How many of the known ones are up. */
  readonly up: number;
}

/** A type version that a provider version offers. */
export interface Offer {
  readonly provider: ProviderVersion;
  readonly type: string;
  readonly typeVersion: string;
  readonly keyPrefix: string;
  readonly scope: 'tenant' | 'principal' | 'none';
  readonly ttlMs: number;
  readonly staleMs: number;
  readonly negativeTtlMs: number;
  readonly sensitivity: Sensitivity;
  readonly listable: boolean;
}

/** What one tenant may fetch, compiled for routing. */
export interface Catalogue {
  /** Offers by type; most specific key prefix first, then priority, provider name, versions. */
  readonly offers: ReadonlyMap<string, readonly Offer[]>;
}

/** A provider version as registered, with its endpoints. */
export interface RegisteredProvider {
  readonly provider: Provider;
  readonly endpoints: readonly Endpoint[];
}

const DEFAULT_WEIGHT = 100;
const DEFAULT_TIMEOUT_MS = 5_000;
const DEFAULT_NEGATIVE_TTL_MS = 1_000;

/** Compiles the providers that a tenant may use. */
export function compileCatalogue(providers: Iterable<RegisteredProvider>): Catalogue {
  const offers = new Map<string, Offer[]>();
  for (const { provider, endpoints } of providers) {
    const version = compileProvider(provider, endpoints);
    for (const context of provider.manifest?.contexts ?? []) {
      const list = offers.get(context.type) ?? [];
      list.push(compileOffer(version, context));
      offers.set(context.type, list);
    }
  }
  for (const list of offers.values()) list.sort(compareOffers);
  return { offers };
}

function compileProvider(provider: Provider, endpoints: readonly Endpoint[]): ProviderVersion {
  const manifest = provider.manifest;
  const known = endpoints.filter((e) => e.health !== EndpointHealth.DRAINING);
  const up = known.filter((e) => e.health !== EndpointHealth.DOWN);
  return {
    tenant: provider.tenant,
    name: manifest?.name ?? '',
    version: manifest?.version ?? '',
    manifestHash: provider.manifestHash,
    weight: manifest?.weight ?? DEFAULT_WEIGHT,
    priority: manifest?.priority ?? 0,
    timeoutMs: manifest?.timeout ? durationMs(manifest.timeout) : DEFAULT_TIMEOUT_MS,
    wantsPrincipal: manifest?.wantsPrincipal ?? false,
    principalAttributes: manifest?.principalAttributes ?? [],
    bearer: manifest?.authentication?.bearer ?? '',
    known,
    // When over half look dead, the checks are doubted rather than the endpoints.
    usable: up.length * 2 < known.length ? known : up,
    up: up.length,
  };
}

function compileOffer(provider: ProviderVersion, offer: ContextOffer): Offer {
  const told = provider.wantsPrincipal || provider.principalAttributes.length > 0;
  return {
    provider,
    type: offer.type,
    typeVersion: offer.version,
    keyPrefix: offer.keyPrefix,
    scope: scopeOf(offer.scope, told),
    ttlMs: offer.ttl ? durationMs(offer.ttl) : 0,
    staleMs: offer.staleWhileRevalidate ? durationMs(offer.staleWhileRevalidate) : 0,
    negativeTtlMs: offer.negativeTtl ? durationMs(offer.negativeTtl) : DEFAULT_NEGATIVE_TTL_MS,
    sensitivity: offer.sensitivity,
    listable: offer.listable,
  };
}

function scopeOf(scope: CacheScope, told: boolean): Offer['scope'] {
  switch (scope) {
    case CacheScope.NONE:
      return 'none';
    case CacheScope.PRINCIPAL:
      return 'principal';
    default:
      // A value made for one principal is never shared with another.
      return told ? 'principal' : 'tenant';
  }
}

function compareOffers(a: Offer, b: Offer): number {
  return (
    b.keyPrefix.length - a.keyPrefix.length ||
    b.provider.priority - a.provider.priority ||
    compareText(a.provider.name, b.provider.name) ||
    semver.compare(b.provider.version, a.provider.version) ||
    semver.compare(b.typeVersion, a.typeVersion)
  );
}

/** Orders texts by code unit, the same on every machine. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
