import { Code } from '@connectrpc/connect';
import type { Refusal } from '../errors.ts';
import type { ContextRef as WireRef } from '../gen/weir/context/v1/context_pb.ts';
import { Reason } from '../gen/weir/errors/v1/reason_pb.ts';
import type { ContextDefinition } from '../provider/context.ts';
import type { ProviderDefinition } from '../provider/definition.ts';
import { compare, isInRange } from './ranges.ts';

/** Where a ref leads: to a context of a provider, or to a refusal. */
export type Route =
  | { readonly ok: true; readonly offer: Offer }
  | { readonly ok: false; readonly refusal: Refusal };

/** A context that a provider offers. */
export interface Offer {
  readonly provider: ProviderDefinition;
  readonly context: ContextDefinition;
}

/** All contexts of some providers. */
export function offersOf(providers: readonly ProviderDefinition[]): Offer[] {
  return providers.flatMap((provider) =>
    provider.contexts.map((context) => ({ provider, context })),
  );
}

/** Routes a ref as a router would: by type, provider, key prefix and version, the newest first. */
export function route(offers: readonly Offer[], ref: WireRef): Route {
  const ofType = offers.filter(({ context }) => context.type === ref.type);
  if (ofType.length === 0) {
    return refuse(Code.NotFound, Reason.TYPE_UNKNOWN, `no provider offers ${ref.type}`);
  }
  const reachable = ofType.filter(
    ({ provider, context }) =>
      (ref.provider === '' || provider.name === ref.provider) &&
      ref.key.startsWith(context.keyPrefix ?? ''),
  );
  if (reachable.length === 0) {
    const text = `no provider ${ref.provider || 'at all'} offers ${ref.type}/${ref.key}`;
    return refuse(Code.NotFound, Reason.PROVIDER_UNKNOWN, text);
  }
  const fits = reachable.map(({ context }) => isInRange(context.version, ref.versionRange));
  if (fits.includes(undefined)) {
    const text = `openTestWeir does not understand the range "${ref.versionRange}"`;
    return refuse(Code.InvalidArgument, Reason.INVALID_VERSION, text);
  }
  const [offer] = reachable.filter((_, index) => fits[index]).sort(bestFirst);
  return offer ? { ok: true, offer } : notOffered(ref, reachable);
}

function bestFirst(a: Offer, b: Offer): number {
  const prefix = (b.context.keyPrefix ?? '').length - (a.context.keyPrefix ?? '').length;
  const priority = (b.provider.priority ?? 0) - (a.provider.priority ?? 0);
  return prefix || priority || newestFirst(a.context.version, b.context.version);
}

function newestFirst(a: string, b: string): number {
  const parts = (version: string): number[] => version.split(/[.+-]/, 3).map(Number);
  return compare(parts(b), parts(a));
}

function notOffered(ref: WireRef, offers: readonly Offer[]): Route {
  const versions = [...new Set(offers.map(({ context }) => context.version))].sort(newestFirst);
  const text = `${ref.type} is not offered as ${ref.versionRange}, but as ${versions.join(', ')}`;
  return refuse(Code.NotFound, Reason.VERSION_NOT_OFFERED, text, versions);
}

function refuse(
  code: Code,
  reason: Reason,
  text: string,
  offeredVersions: readonly string[] = [],
): Route {
  return { ok: false, refusal: { code, reason, text, offeredVersions } };
}
