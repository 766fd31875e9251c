import { beginSpan, noSpan, type OpenSpan, reasonName, SpanKind } from '@weir/kit';
import { CacheStatus } from '@weir/sdk/gen/weir/context/v1/context_pb';
import { ProviderService } from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import type { Slot } from './authorise.ts';
import type { Gathered } from './gather/gather.ts';
import type { Outcome } from './outcome.ts';
import { cacheNames } from './router-metrics.ts';
import type { ProviderVersion } from './snapshot/catalogue.ts';
import type { Upstream } from './upstream/upstream.ts';
import { refusedByUpstream } from './upstream/upstream-errors.ts';

// What of a call its trace shows: counts and names of providers, never a key or a value.

/** Traces the planning of a batch. */
export function tracePlan(plan: () => Slot[]): Slot[] {
  const span = beginSpan('plan');
  if (span === noSpan) return plan();
  try {
    const slots = span.run(plan);
    const refused = slots.filter((slot) => slot.plan.refused).length;
    span.set({ 'weir.items': slots.length, 'weir.items.refused': refused });
    return slots;
  } finally {
    span.end();
  }
}

/** Traces the gathering of a batch, until its last item is there. */
export function traceGather(gather: () => Gathered[]): Gathered[] {
  const span = beginSpan('gather');
  if (span === noSpan) return gather();
  const outcomes = span.run(gather);
  void Promise.allSettled(outcomes.map(async (outcome) => outcome)).then((settled) => {
    span.set(countsOf(settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))));
    span.end();
  });
  return outcomes;
}

/** An upstream whose calls are traced: one span for each, around its retries and hedges. */
export function traceUpstream(upstream: Upstream): Upstream {
  return {
    fetch(provider, request, limits) {
      const span = beginUpstream(provider, ProviderService.method.fetch.name);
      if (span === noSpan) return upstream.fetch(provider, request, limits);
      span.set({ 'weir.items': request.queries.length });
      return within(span, provider, () => upstream.fetch(provider, request, limits));
    },
    list: (provider, request, limits) =>
      around(provider, ProviderService.method.list.name, () =>
        upstream.list(provider, request, limits),
      ),
    call(provider, request, limits) {
      const span = beginUpstream(provider, ProviderService.method.call.name);
      if (span === noSpan) return upstream.call(provider, request, limits);
      span.set({ 'weir.operation': request.operation });
      return within(span, provider, () => upstream.call(provider, request, limits));
    },
    complete: (provider, request, limits) =>
      around(provider, ProviderService.method.complete.name, () =>
        upstream.complete(provider, request, limits),
      ),
    // It lasts: there is no call that it would be a part of.
    watch: (provider, request, signal) => upstream.watch(provider, request, signal),
    [Symbol.asyncDispose]: () => upstream[Symbol.asyncDispose](),
  };
}

function beginUpstream({ tenant, name, version }: ProviderVersion, method: string): OpenSpan {
  const attributes = {
    'rpc.system': 'grpc',
    'rpc.service': ProviderService.typeName,
    'rpc.method': method,
    'weir.provider.tenant': tenant,
    'weir.provider': name,
    'weir.provider.version': version,
  };
  const options = { kind: SpanKind.CLIENT, attributes };
  return beginSpan(`${ProviderService.typeName}/${method}`, options);
}

async function around<T>(
  provider: ProviderVersion,
  method: string,
  work: () => Promise<T>,
): Promise<T> {
  const span = beginUpstream(provider, method);
  try {
    return await span.run(work);
  } catch (error) {
    span.fail(reasonFor(error, provider));
    throw error;
  } finally {
    span.end();
  }
}

async function* within<T>(
  span: OpenSpan,
  provider: ProviderVersion,
  begin: () => AsyncIterable<T>,
): AsyncGenerator<T> {
  let messages: AsyncIterator<T> | undefined;
  try {
    const open = span.run(() => begin()[Symbol.asyncIterator]());
    messages = open;
    for (;;) {
      const next = await span.run(() => open.next());
      if (next.done === true) return;
      yield next.value;
    }
  } catch (error) {
    span.fail(reasonFor(error, provider));
    throw error;
  } finally {
    await span.run(() => messages?.return?.());
    span.end();
  }
}

function reasonFor(error: unknown, provider: ProviderVersion): string {
  return reasonName(refusedByUpstream(error, provider).refusal.reason);
}

function countsOf(outcomes: readonly Outcome[]): Record<string, number> {
  const counts: Record<string, number> = { 'weir.items': outcomes.length };
  const count = (name: string) => {
    counts[name] = (counts[name] ?? 0) + 1;
  };
  for (const { kind, cache } of outcomes) {
    if (kind === 'refused') count('weir.items.refused');
    if (cache !== CacheStatus.UNSPECIFIED) count(`weir.items.${cacheNames.get(cache)}`);
  }
  return counts;
}
