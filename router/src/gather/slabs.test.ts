import { expect, test } from 'vitest';
import { unjudged } from '../quality/judged.ts';
import type { Offer } from '../snapshot/catalogue.ts';
import type { CacheEntry } from './entry.ts';
import { type Held, Kept } from './kept.ts';
import { ShardedMap } from './sharded-map.ts';
import { SLAB_BYTES, Slabs } from './slabs.ts';

const held: Held = { prefix: '', offer: {} as Offer, entries: new ShardedMap() };

function keptOf(field: Uint8Array): Kept {
  const entry: CacheEntry = {
    ...{ field, itemOffset: 0, negative: false, large: false, etag: '', judged: unjudged },
    facts: { sensitivity: 1, labels: {}, owner: '' },
    ...{ confirmedAtMs: 0, ttlMs: 1, staleMs: 0 },
  };
  return new Kept(held, '', entry, 0);
}

test('takes little more than what lives, whatever goes, and loses none of it', () => {
  const slabs = new Slabs();
  const living: { kept: Kept; bytes: Uint8Array }[] = [];
  let random = 7;
  const next = (below: number) => {
    random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0;
    return (random >>> 8) % below;
  };
  for (let step = 0; step < 20_000; step++) {
    const bytes = new Uint8Array(next(2_000)).fill(step);
    const kept = keptOf(bytes);
    slabs.take(kept);
    const place = living.length < 4_000 ? living.length : next(4_000);
    const gone = living[place];
    living[place] = { kept, bytes };
    if (gone) slabs.free(gone.kept);
    // Of the slabs, an eighth may have gone, and what does not fit at their ends.
    const live = living.reduce((sum, one) => sum + one.bytes.length, 0);
    if (step % 500 === 0) expect(slabs.bytes).toBeLessThan((live * 9) / 7 + 3 * SLAB_BYTES);
  }
  const lost = living.filter(({ kept, bytes }) => Buffer.compare(kept.entry.field, bytes) !== 0);
  expect(lost).toEqual([]);
  for (const { kept } of living) slabs.free(kept);
  expect(slabs.bytes).toBeLessThanOrEqual(2 * SLAB_BYTES);
});

test('bytes never change under those who have a view of them', () => {
  const slabs = new Slabs();
  const views = Array.from({ length: 2_000 }, (_, i) => {
    const kept = keptOf(new Uint8Array(1_000).fill(i));
    slabs.take(kept);
    const { field } = kept.entry;
    if (i % 3 > 0) slabs.free(kept);
    return field;
  });
  expect(views.filter((view, i) => view.some((byte) => byte !== i % 256))).toEqual([]);
});

test('a part of something larger is copied out of it, and what is large stays apart', () => {
  const slabs = new Slabs();
  const large = new Uint8Array(SLAB_BYTES);
  const part = keptOf(large.subarray(0, SLAB_BYTES / 2));
  slabs.take(part);
  expect(part.entry.field.buffer.byteLength).toBe(SLAB_BYTES / 2);
  const whole = keptOf(large);
  slabs.take(whole);
  expect(whole.entry.field).toBe(large);
  expect(slabs.bytes).toBe(SLAB_BYTES);
});
