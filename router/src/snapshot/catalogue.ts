import type { JsonObject } from '@bufbuild/protobuf';
import { durationMs } from '@bufbuild/protobuf/wkt';
import type { Sensitivity } from '@weir/sdk/gen/weir/context/v1/context_pb';
import {
  CacheScope,
  type ContextOffer,
  type ProviderLimits as DeclaredLimits,
  type Endpoint,
  EndpointHealth,
  type KeyTemplate,
  type Limits,
  type Provider,
} from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import semver from 'semver';
import { type OfferChecks, offerChecks } from '../quality/offer-checks.ts';
import { indexTools, type ToolOffer, toolOffers } from '../tools/tool-offers.ts';

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
  /** How much this router may ask of it at once. */
  readonly limits: ProviderLimits;
  /** How much all its consumers may take, over all routers; undefined: any amount. */
  readonly rates: Limits | undefined;
  /** When a call that has brought nothing is made once more; undefined: never. */
  readonly hedgeAfterMs: number | undefined;
  /** Whether it tells what happens. */
  readonly watch: boolean;
  /** A `secret://` reference; empty: none. */
  readonly bearer: string;
  /** All endpoints that are not draining. */
  readonly known: readonly Endpoint[];
  /** Those of them that calls go to. */
  readonly usable: readonly Endpoint[];
  /** How many of the known ones are up. */
  readonly up: number;
}

/** How much one router may ask of a provider version at once. */
export interface ProviderLimits {
  /** Calls under way. */
  readonly concurrentCalls: number;
  /** Calls begun in a second; undefined: any number. */
  readonly callsPerSecond: number | undefined;
  /** The bytes of all values of one answer. */
  readonly responseBytes: number;
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
  /** Forms of keys that it has. */
  readonly templates: readonly KeyTemplate[];
  /** The schema of the type version, as the provider's tenant sees it. */
  readonly schema: JsonObject | undefined;
  /** What is done with values before they are kept; undefined: they stay bytes. */
  readonly checks: OfferChecks | undefined;
}

/** What one tenant may fetch, compiled for routing. */
export interface Catalogue {
  /** Offers by type; most specific key prefix first, then priority, provider name, versions. */
  readonly offers: ReadonlyMap<string, readonly Offer[]>;
  /** What providers can do besides give context, by the name that callers use. */
  readonly tools: ReadonlyMap<string, ToolOffer>;
  /** The provider versions that tell what happens. */
  readonly telling: readonly ProviderVersion[];
}

/** A provider version as registered, with its endpoints. */
export interface RegisteredProvider {
  readonly provider: Provider;
  readonly endpoints: readonly Endpoint[];
}

const DEFAULT_WEIGHT = 100;
const DEFAULT_TIMEOUT_MS = 5_000;
const DEFAULT_NEGATIVE_TTL_MS = 1_000;
const DEFAULT_CONCURRENT_CALLS = 64;
const DEFAULT_RESPONSE_BYTES = 64 * 1024 * 1024;

/** Finds the JSON Schema of a type version as the tenant that owns a provider sees it. */
export type SchemaSource = (
  tenant: string,
  type: string,
  version: string,
) => JsonObject | undefined;

/** Compiles the providers that a tenant may use. */
export function compileCatalogue(
  providers: Iterable<RegisteredProvider>,
  schemaOf: SchemaSource = () => undefined,
): Catalogue {
  const offers = new Map<string, Offer[]>();
  const tools: ToolOffer[] = [];
  const telling: ProviderVersion[] = [];
  for (const { provider, endpoints } of providers) {
    const version = compileProvider(provider, endpoints);
    for (const context of provider.manifest?.contexts ?? []) {
      const list = offers.get(context.type) ?? [];
      list.push(compileOffer(version, context, schemaOf));
      offers.set(context.type, list);
    }
    if (version.watch) telling.push(version);
    if (provider.manifest) tools.push(...toolOffers(provider.manifest, version));
  }
  for (const list of offers.values()) list.sort(compareOffers);
  return { offers, tools: indexTools(tools), telling };
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
    limits: limitsOf(manifest?.limits),
    rates: manifest?.rates,
    hedgeAfterMs: manifest?.hedgeAfter ? durationMs(manifest.hedgeAfter) : undefined,
    watch: manifest?.watch ?? false,
    bearer: manifest?.authentication?.bearer ?? '',
    known,
    // When over half look dead, the checks are doubted rather than the endpoints.
    usable: up.length * 2 < known.length ? known : up,
    up: up.length,
  };
}

function limitsOf(limits: DeclaredLimits | undefined): ProviderLimits {
  return {
    concurrentCalls: limits?.concurrentCalls ?? DEFAULT_CONCURRENT_CALLS,
    callsPerSecond: limits?.callsPerSecond,
    responseBytes: Number(limits?.responseBytes ?? DEFAULT_RESPONSE_BYTES),
  };
}

function compileOffer(
  provider: ProviderVersion,
  offer: ContextOffer,
  schemaOf: SchemaSource,
): Offer {
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
    templates: offer.keyTemplates,
    schema: schemaOf(provider.tenant, offer.type, offer.version),
    checks: offerChecks(offer, (type, version) => schemaOf(provider.tenant, type, version)),
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
