import type { JsonObject } from '@bufbuild/protobuf';
import { durationMs } from '@bufbuild/protobuf/wkt';
import {
  CacheScope,
  OperationKind,
  type OperationOffer,
  type ProviderManifest,
} from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import semver from 'semver';
import type { Offer, ProviderVersion } from '../snapshot/catalogue.ts';

/** An operation of a provider version, as the router calls it. */
export interface ToolOffer {
  /** As callers name it: "<provider>__<operation>", or as a group has it. */
  readonly name: string;
  readonly provider: ProviderVersion;
  readonly operation: OperationOffer;
  readonly kind: OperationKind;
  readonly timeoutMs: number;
  /** Whether calling it twice does no more than calling it once. */
  readonly repeatable: boolean;
  /** What arguments are held to, those that are fixed too. */
  readonly input: JsonObject | undefined;
  /** Arguments that every call has, whatever its caller gives. */
  readonly fixed?: JsonObject;
  /** Its results, as values of a type: how long they stay true, among whom they are shared. */
  readonly result: Offer;
}

/** Between the provider's name, which holds no "_", and the operation's. */
const NAME_SEPARATOR = '__';

/** A tool as callers name it, unless a group names it otherwise. */
export function toolName(provider: string, operation: string): string {
  return `${provider}${NAME_SEPARATOR}${operation}`;
}

/** The tools of one provider version. */
export function toolOffers(
  manifest: ProviderManifest,
  provider: ProviderVersion,
): readonly ToolOffer[] {
  return manifest.operations.map((operation) => toolOffer(operation, provider));
}

function toolOffer(operation: OperationOffer, provider: ProviderVersion): ToolOffer {
  const { hints, ttl, timeout } = operation;
  const readOnly = hints?.readOnly === true;
  return {
    name: toolName(provider.name, operation.name),
    provider,
    operation,
    input: operation.inputSchema,
    kind: operation.kind === OperationKind.PROMPT ? OperationKind.PROMPT : OperationKind.TOOL,
    timeoutMs: timeout ? durationMs(timeout) : provider.timeoutMs,
    repeatable: readOnly || hints?.idempotent === true || operation.kind === OperationKind.PROMPT,
    result: {
      provider,
      type: operation.name,
      typeVersion: '',
      keyPrefix: '',
      scope: readOnly ? scopeOf(operation.scope, provider) : 'none',
      ttlMs: readOnly && ttl ? durationMs(ttl) : 0,
      ...{ staleMs: 0, negativeTtlMs: 0, listable: false, templates: [] },
      sensitivity: operation.sensitivity,
      schema: operation.outputSchema,
      checks: undefined,
    },
  };
}

function scopeOf(scope: CacheScope, provider: ProviderVersion): Offer['scope'] {
  const told = provider.wantsPrincipal || provider.principalAttributes.length > 0;
  if (scope === CacheScope.NONE) return 'none';
  return told || scope === CacheScope.PRINCIPAL ? 'principal' : 'tenant';
}

/** Of several versions of a provider that have a tool, the one that is called. */
export function indexTools(offers: Iterable<ToolOffer>): ReadonlyMap<string, ToolOffer> {
  const tools = new Map<string, ToolOffer>();
  for (const offer of offers) {
    const held = tools.get(offer.name);
    if (!held || isBetter(offer.provider, held.provider)) tools.set(offer.name, offer);
  }
  return tools;
}

/** One that gets calls goes before one that is only asked for by a pin, then the newer one. */
function isBetter(one: ProviderVersion, other: ProviderVersion): boolean {
  const share = Number(one.weight > 0) - Number(other.weight > 0);
  return share > 0 || (share === 0 && semver.gt(one.version, other.version));
}
