import { type Clock, createTally, type Metrics } from '@weir/kit';
import type { Feed } from './feed.ts';
import { unavailable } from './store/faults.ts';
import type { Store } from './store/store.ts';

type Metered = Pick<Metrics, 'meter'>;

const storeBucketsS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** A store of which every operation is timed, and changes and renewed leases are counted. */
export function measureStore(store: Store, { meter }: Metered, clock: Clock): Store {
  const timed = { ...store, ...timedOperations(store, meter, clock) };
  const changes = createTally<number>(meter, {
    name: 'weir_registry_changes',
    description: 'Transactions of this registry that changed something which routers hold.',
    labels: () => ({}),
    shown: [0],
  });
  const renewals = createTally<'renewed' | 'unknown'>(meter, {
    name: 'weir_registry_lease_renewals',
    description: 'Leases that were to be renewed, by what came of it.',
    labels: (result) => ({ result }),
    shown: ['renewed', 'unknown'],
  });
  let revision = -1n;
  return {
    ...timed,
    async transact(fn) {
      const written = await timed.transact(fn);
      if (revision >= 0n && written.revision > revision) changes(0);
      if (written.revision > revision) revision = written.revision;
      return written;
    },
    async renewLeases(tenant, ids, expireMs) {
      const renewed = await timed.renewLeases(tenant, ids, expireMs);
      renewals('renewed', renewed.length);
      renewals('unknown', ids.length - renewed.length);
      return renewed;
    },
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

type Operation = (...given: unknown[]) => Promise<unknown>;

function timedOperations(store: Store, meter: Metrics['meter'], clock: Clock): Partial<Store> {
  const durations = meter.createHistogram('weir_registry_store_duration_seconds', {
    description: 'The time of operations on the database, by operation.',
    advice: { explicitBucketBoundaries: storeBucketsS },
  });
  const errors = createTally<string>(meter, {
    name: 'weir_registry_store_errors',
    description: 'Operations on the database that failed because it could not be reached.',
    labels: (operation) => ({ operation }),
    shown: ['position'],
  });
  const time = (operation: string, run: Operation): Operation => {
    return async (...given) => {
      const startMs = clock.monotonicMs();
      try {
        return await run(...given);
      } catch (error) {
        if (unavailable(error)) errors(operation);
        throw error;
      } finally {
        durations.record((clock.monotonicMs() - startMs) / 1000, { operation });
      }
    };
  };
  const operations = Object.entries(store) as [string, Operation][];
  return Object.fromEntries(operations.map(([name, run]) => [name, time(name, run)]));
}

/** Shows whether the database is heard of, and how far the registry is. */
export function observeFeed({ meter }: Metered, feed: Feed): void {
  const position = () => {
    try {
      return feed.position();
    } catch {
      return undefined;
    }
  };
  meter
    .createObservableGauge('weir_registry_store_up', {
      description: '1 while the database is heard of, else 0.',
    })
    .addCallback((result) => result.observe(position() === undefined ? 0 : 1));
  meter
    .createObservableGauge('weir_registry_revision', {
      description: 'The revision of the newest change.',
    })
    .addCallback((result) => {
      const at = position();
      if (at) result.observe(Number(at.revision));
    });
}

/** Counts leases that ran out; returns the function that does it. */
export function countExpiredLeases({ meter }: Metered): () => void {
  const expired = createTally<number>(meter, {
    name: 'weir_registry_leases_expired',
    description: 'Leases of endpoints that ran out: their providers stopped without a word.',
    labels: () => ({}),
    shown: [0],
  });
  return () => expired(0);
}
