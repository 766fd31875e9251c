import { type Metrics, reasonName } from '@weir/kit';
import { CacheStatus } from '@weir/sdk/gen/weir/context/v1/context_pb';
import type { MemoryCache } from './gather/memory-cache.ts';
import type { Outcome } from './outcome.ts';
import type { SnapshotHolder } from './snapshot/holder.ts';

const cacheNames: ReadonlyMap<number, string> = new Map(
  Object.entries(CacheStatus).map(([name, value]) => [value, name.toLowerCase()]),
);

/** Counts what a router does; returns the function to call with every outcome. */
export function observeRouter(
  { meter }: Metrics,
  { holder, memory }: { holder: SnapshotHolder; memory: MemoryCache },
): (outcome: Outcome) => void {
  const items = meter.createCounter('weir_items', {
    description: 'Items answered, by outcome (ok or the reason of the refusal) and cache status.',
  });
  meter
    .createObservableGauge('weir_snapshot_age_seconds', {
      unit: 's',
      description: 'Time since the registry last confirmed the snapshot.',
    })
    .addCallback((result) => result.observe(holder.ageMs() / 1000));
  meter
    .createObservableGauge('weir_snapshot_revision', {
      description: 'Revision of the snapshot in force.',
    })
    .addCallback((result) => result.observe(Number(holder.current.revision)));
  meter
    .createObservableGauge('weir_memory_cache_bytes', {
      unit: 'By',
      description: 'Bytes that the memory cache holds.',
    })
    .addCallback((result) => result.observe(memory.bytes));
  meter
    .createObservableGauge('weir_memory_cache_entries', {
      description: 'Entries that the memory cache holds.',
    })
    .addCallback((result) => result.observe(memory.size));

  return (outcome) => {
    items.add(1, {
      outcome:
        outcome.kind === 'found'
          ? 'ok'
          : reasonName(outcome.refusal.reason).replace('REASON_', '').toLowerCase(),
      cache: cacheNames.get(outcome.cache) ?? 'unknown',
    });
  };
}
