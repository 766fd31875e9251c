import { createMetrics, systemClock } from '@weir/kit';
import { expect, test } from 'vitest';
import { testCaller } from '../../test/entries.ts';
import { unjudged } from '../quality/judged.ts';
import type { Offer } from '../snapshot/catalogue.ts';
import { createMeasuredMemory, measureShared, observeSharedCache } from './cache-metrics.ts';
import type { CacheEntry } from './entry.ts';
import type { SharedCache } from './shared-cache.ts';

const entry: CacheEntry = {
  ...{ field: new Uint8Array(1_000), itemOffset: 0, negative: false, large: false, etag: '' },
  ...{ judged: unjudged, facts: { sensitivity: 1, labels: {}, owner: '' } },
  ...{ confirmedAtMs: 0, ttlMs: 1_000, staleMs: 0 },
};
const provider = { tenant: '', name: 'docs', version: '1.0.0', manifestHash: 'h' };
const offer = { provider, type: 'DocChunk', typeVersion: '1.0.0', scope: 'tenant' } as Offer;

test('counts look-ups and evictions of the memory cache', async () => {
  const metrics = createMetrics('test');
  const memory = createMeasuredMemory(metrics, 5_500);
  const space = memory.spaceOf(testCaller(), offer);
  for (let i = 0; i < 5; i++) memory.set(space, `k${i}`, entry);
  expect(memory.get(space, 'k4')).toEqual(entry);
  expect(memory.get(space, 'k0')).toBeUndefined();
  memory.delete(space, 'k4');
  const text = await metrics.text();
  expect(text).toContain('weir_memory_cache_lookups_total{result="hit",service="test"} 1');
  expect(text).toContain('weir_memory_cache_lookups_total{result="miss",service="test"} 1');
  expect(text).toContain('weir_memory_cache_evictions_total{service="test"} 2');
  expect(text).toContain('weir_memory_cache_entries{service="test"} 2');
  await metrics.shutdown();
});

test('counts look-ups of the shared cache, and tells whether it answers', async () => {
  const metrics = createMetrics('test');
  const observer = observeSharedCache(metrics);
  const held: SharedCache = {
    getMany: async (keys) => keys.map((key) => (key === 'there' ? entry : undefined)),
    set() {},
    delete() {},
    forget() {},
    forgetAll() {},
    async [Symbol.asyncDispose]() {},
  };
  const shared = measureShared(metrics, systemClock, held);
  expect(await shared.getMany(['there', 'not', 'nor'])).toEqual([entry, undefined, undefined]);
  const up = async () => /^weir_shared_cache_up\{.*\} (\d)$/m.exec(await metrics.text())?.[1];
  expect(await up()).toBe('0');
  observer.up();
  expect(await up()).toBe('1');
  observer.failed();
  expect(await up()).toBe('0');
  const text = await metrics.text();
  expect(text).toContain('weir_shared_cache_lookups_total{result="hit",service="test"} 1');
  expect(text).toContain('weir_shared_cache_lookups_total{result="miss",service="test"} 2');
  expect(text).toContain('weir_shared_cache_lookup_duration_seconds_count{service="test"} 1');
  expect(text).toContain('weir_shared_cache_errors_total{service="test"} 1');
  await metrics.shutdown();
});
