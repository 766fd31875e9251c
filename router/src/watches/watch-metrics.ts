import { createBoundedNames, createTally, type Metrics, otherName } from '@weir/kit';
import type { ProviderVersion } from '../snapshot/catalogue.ts';
import { MAX_PROVIDERS_TOLD } from '../upstream/upstream-metrics.ts';
import { watchKey } from './watched.ts';

/** What became of events that a provider told. */
export type ToldFate = 'taken' | 'refused';

/**
 * What went wrong: the provider, its cursor, which it did not know any more, the log or the journal,
 * or the registry, which gives the duty.
 */
export type WatchFailure = 'provider' | 'cursor' | 'log' | 'duty';

/** What is counted of watches. */
export interface WatchCounts {
  told(provider: Pick<ProviderVersion, 'tenant' | 'name'>, what: ToldFate, by: number): void;
  failed(what: WatchFailure): void;
}

const failures: readonly WatchFailure[] = ['provider', 'cursor', 'log', 'duty'];

/** Counts what watched providers tell, and shows how many this router watches. */
export function countWatches(
  { meter }: Pick<Metrics, 'meter'>,
  watched: () => number,
): WatchCounts {
  const bound = createBoundedNames(MAX_PROVIDERS_TOLD);
  meter
    .createObservableGauge('weir_watches', {
      description: 'Providers that this router watches; each is watched by one router.',
    })
    .addCallback((result) => result.observe(watched()));
  const events = createTally<string>(meter, {
    name: 'weir_watch_events',
    description: 'Events that watched providers told, by what became of them.',
    labels(key) {
      const [what = '', tenant = '', provider = ''] = key.split('/');
      return { what, tenant, provider };
    },
    shown: [`taken/${otherName}/${otherName}`],
  });
  const failed = createTally<WatchFailure>(meter, {
    name: 'weir_watch_failures',
    description: 'How often watching failed, by what failed.',
    labels: (what) => ({ what }),
    shown: failures,
  });
  return {
    told(provider, what, by) {
      if (by === 0) return;
      const name = bound(watchKey(provider));
      events(`${what}/${name === otherName ? `${otherName}/${otherName}` : name}`, by);
    },
    failed,
  };
}
