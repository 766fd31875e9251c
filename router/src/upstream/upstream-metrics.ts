import {
  callBucketsS,
  createBoundedNames,
  createTally,
  type Metrics,
  otherName,
  spanEvent,
} from '@weir/kit';
import type { ProviderVersion } from '../snapshot/catalogue.ts';
import type { BreakerState, UpstreamObserver } from './observer.ts';

/** How many providers have series of their own; the others share one. */
export const MAX_PROVIDERS_TOLD = 50;
const MAX_BREAKERS = 10_000;

/** Tells the versions of providers that a router still knows. */
type IsKnown = (provider: ProviderVersion) => boolean;

/** Counts what becomes of upstream calls, by provider, and notes it in their traces. */
export function observeUpstream(
  { meter }: Pick<Metrics, 'meter'>,
  isKnown: IsKnown,
): UpstreamObserver {
  const bound = createBoundedNames(MAX_PROVIDERS_TOLD);
  const keyOf = ({ tenant, name }: ProviderVersion) => bound(`${tenant}/${name}`);
  const calls = createTally<string>(meter, {
    name: 'weir_upstream_calls',
    description: 'Calls of providers that ended, with their retries and hedges, by outcome.',
    labels: (key) => {
      const [outcome = '', provider = ''] = split(key, ' ');
      return { ...labelsOf(provider), outcome };
    },
    shown: [`ok ${otherName}`],
  });
  const count = (name: string, description: string) =>
    createTally<string>(meter, { name, description, labels: labelsOf, shown: [otherName] });
  const retries = count('weir_upstream_retries', 'Calls of providers made once more.');
  const hedges = count('weir_upstream_hedges', 'Calls of providers made twice since one is slow.');
  const ejections = count('weir_upstream_ejections', 'Endpoints that were left alone for a while.');
  const busy = count('weir_upstream_busy', 'Calls refused since the provider has enough of them.');
  const durations = meter.createHistogram('weir_upstream_duration_seconds', {
    description: 'The time of calls of providers, with their retries and hedges.',
    advice: { explicitBucketBoundaries: callBucketsS },
  });
  const breaker = observeBreakers(meter, { isKnown, keyOf });
  return {
    call(provider, outcome, durationMs) {
      const key = keyOf(provider);
      calls(`${outcome} ${key}`);
      durations.record(durationMs / 1000, labelsOf(key));
    },
    retry(provider) {
      retries(keyOf(provider));
      spanEvent('retry');
    },
    hedge(provider) {
      hedges(keyOf(provider));
      spanEvent('hedge');
    },
    breakerState(provider, state) {
      breaker(provider, state);
      spanEvent('breaker', { 'weir.breaker': state });
    },
    ejected(provider, forMs) {
      ejections(keyOf(provider));
      spanEvent('ejected', { 'weir.ejected_for_ms': forMs });
    },
    busy(provider) {
      busy(keyOf(provider));
      spanEvent('busy');
    },
  };
}

/** Shows breakers that are not closed; those of versions that are gone are forgotten. */
function observeBreakers(
  meter: Metrics['meter'],
  { isKnown, keyOf }: { isKnown: IsKnown; keyOf: (provider: ProviderVersion) => string },
): (provider: ProviderVersion, state: BreakerState) => void {
  const notClosed = new Map<string, { provider: ProviderVersion; state: BreakerState }>();
  // A series that was shown is shown until the end, so it must go back to 0 by itself.
  const counts = new Map<string, number>();
  const recount = () => {
    for (const key of [`open ${otherName}`, `half-open ${otherName}`, ...counts.keys()]) {
      counts.set(key, 0);
    }
    for (const [id, { provider, state }] of notClosed) {
      const key = `${state} ${keyOf(provider)}`;
      if (isKnown(provider)) counts.set(key, (counts.get(key) ?? 0) + 1);
      else notClosed.delete(id);
    }
  };
  meter
    .createObservableGauge('weir_upstream_breakers', {
      description: 'Provider versions to which no calls go, or one to try them, by state.',
    })
    .addCallback((result) => {
      recount();
      for (const [key, count] of counts) {
        const [state = '', provider = ''] = split(key, ' ');
        result.observe(count, { ...labelsOf(provider), state });
      }
    });
  return (provider, state) => {
    const id = `${provider.tenant}/${provider.name}/${provider.version}`;
    if (state === 'closed') notClosed.delete(id);
    else if (notClosed.size < MAX_BREAKERS || notClosed.has(id)) {
      notClosed.set(id, { provider, state });
    }
  };
}

function labelsOf(key: string): { tenant: string; provider: string } {
  if (key === otherName) return { tenant: otherName, provider: otherName };
  const [tenant = '', provider = ''] = split(key, '/');
  return { tenant, provider };
}

/** Neither an outcome nor the name of a tenant holds what parts them. */
function split(key: string, by: string): [string, string] {
  const at = key.indexOf(by);
  return [key.slice(0, at), key.slice(at + 1)];
}
