import { type Clock, createTally, type Metrics } from '@weir/kit';
import { createMemoryCache, type MemoryCache } from './memory-cache.ts';
import type { SharedCache, SharedCacheObserver } from './shared-cache.ts';

type Metered = Pick<Metrics, 'meter'>;

const lookUpBucketsS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1];

/** Makes a memory cache whose look-ups, evictions and size are shown. */
export function createMeasuredMemory({ meter }: Metered, maxBytes: number): MemoryCache {
  const memory = createMemoryCache(maxBytes);
  const { counts } = memory;
  const look = meter.createObservableCounter('weir_memory_cache_lookups', {
    description: lookUpsIn('the memory cache'),
  });
  look.addCallback((result) => {
    result.observe(counts.hits, { result: 'hit' });
    result.observe(counts.misses, { result: 'miss' });
  });
  meter
    .createObservableCounter('weir_memory_cache_evictions', {
      description: 'Entries that left the memory cache to make room.',
    })
    .addCallback((result) => result.observe(counts.evictions));
  gauge(meter, 'weir_memory_cache_bytes', 'Bytes that the memory cache holds.', () => memory.bytes);
  gauge(meter, 'weir_memory_cache_max_bytes', 'Bytes that it may hold.', () => maxBytes);
  gauge(meter, 'weir_memory_cache_entries', 'Entries that it holds.', () => memory.size);
  return memory;
}

/** Shows whether the shared cache answers, and counts what went wrong with it. */
export function observeSharedCache({ meter }: Metered): SharedCacheObserver {
  let isUp = false;
  gauge(meter, 'weir_shared_cache_up', '1 while the shared cache answers, else 0.', () =>
    isUp ? 1 : 0,
  );
  const errors = createTally<number>(meter, {
    name: 'weir_shared_cache_errors',
    description: 'What went wrong with the shared cache; each counts as a miss.',
    labels: () => ({}),
    shown: [0],
  });
  return {
    up() {
      isUp = true;
    },
    failed() {
      isUp = false;
      errors(0);
    },
  };
}

/** Counts and times the look-ups of a shared cache. */
export function measureShared({ meter }: Metered, clock: Clock, shared: SharedCache): SharedCache {
  const lookUps = createTally<'hit' | 'miss'>(meter, {
    name: 'weir_shared_cache_lookups',
    description: lookUpsIn('the shared cache'),
    labels: (result) => ({ result }),
    shown: ['hit', 'miss'],
  });
  const durations = meter.createHistogram('weir_shared_cache_lookup_duration_seconds', {
    description: 'The time of look-ups in the shared cache, each of which asks for many entries.',
    advice: { explicitBucketBoundaries: lookUpBucketsS },
  });
  return {
    ...shared,
    async getMany(keys) {
      const startMs = clock.monotonicMs();
      const entries = await shared.getMany(keys);
      durations.record((clock.monotonicMs() - startMs) / 1000);
      const hits = entries.filter((entry) => entry !== undefined).length;
      lookUps('hit', hits);
      lookUps('miss', entries.length - hits);
      return entries;
    },
    [Symbol.asyncDispose]: () => shared[Symbol.asyncDispose](),
  };
}

function lookUpsIn(where: string): string {
  return `Entries looked up in ${where}; one that is out of date is a hit too.`;
}

function gauge(meter: Metrics['meter'], name: string, description: string, look: () => number) {
  meter
    .createObservableGauge(name, { description })
    .addCallback((result) => result.observe(look()));
}
