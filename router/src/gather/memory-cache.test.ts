import fc from 'fast-check';
import { expect, test } from 'vitest';
import { testCaller } from '../../test/entries.ts';
import { unjudged } from '../quality/judged.ts';
import type { Offer } from '../snapshot/catalogue.ts';
import type { CacheEntry } from './entry.ts';
import { createMemoryCache, entryBytes, type MemoryCache, spaceBytes } from './memory-cache.ts';
import { STORM_FILLS_MAX } from './sieve.ts';

const caller = testCaller();
const MIB = 1024 * 1024;

function offerOf(type: string): Offer {
  const provider = { tenant: '', name: 'docs', version: '1.0.0', manifestHash: 'h' };
  return { provider, type, typeVersion: '1.0.0', scope: 'tenant' } as Offer;
}

function entryOf(bytes: number, text: string, labels: Record<string, string> = {}): CacheEntry {
  return {
    ...{ field: new Uint8Array(Buffer.alloc(bytes, text)), itemOffset: 3, negative: false },
    ...{ large: false, etag: 'e1', judged: unjudged },
    facts: { sensitivity: 1, labels, owner: 'lin' },
    ...{ confirmedAtMs: 0, ttlMs: 60_000, staleMs: 0 },
  };
}

interface Modelled {
  readonly place: string;
  readonly space: number;
  readonly bytes: number;
  entry: CacheEntry;
  visited: boolean;
}

/** What the cache must do, in the plainest words. */
function createModel(maxBytes: number, prefixes: readonly string[]) {
  let items: Modelled[] = [];
  let hand: Modelled | undefined;
  let chosen = 0;
  const spacesBytes = (of: readonly number[]) =>
    [...new Set(of)].reduce((sum, space) => sum + spaceBytes({ prefix: prefixes[space] ?? '' }), 0);
  const bytes = () =>
    items.reduce((sum, item) => sum + item.bytes, 0) + spacesBytes(items.map((i) => i.space));
  const newerThan = (item: Modelled) => items[items.indexOf(item) + 1];
  const find = (place: string) => items.find((item) => item.place === place);
  const remove = (item: Modelled) => {
    if (hand === item) hand = newerThan(item);
    items = items.filter((other) => other !== item);
  };
  const evict = () => {
    if (chosen >= items.length * STORM_FILLS_MAX) hand = undefined;
    const begin = () => {
      chosen = 0;
      return items[0] as Modelled;
    };
    let item = hand ?? begin();
    while (item.visited) {
      item.visited = false;
      item = newerThan(item) ?? begin();
    }
    chosen++;
    hand = item;
    remove(item);
  };
  return {
    bytes,
    get items() {
      return items;
    },
    get(place: string) {
      const item = find(place);
      if (item) item.visited = true;
      return item?.entry;
    },
    set(space: number, key: string, entry: CacheEntry) {
      const before = find(`${space} ${key}`);
      if (before) remove(before);
      const item = { place: `${space} ${key}`, space, entry, bytes: entryBytes(key, entry) };
      if (item.bytes + spacesBytes([space]) > maxBytes) return;
      const with_ = () => spacesBytes([...items.map((i) => i.space), space]);
      const all = () => items.reduce((sum, { bytes: of }) => sum + of, item.bytes) + with_();
      while (all() > maxBytes) evict();
      items.push({ ...item, visited: before?.visited ?? false });
    },
    delete(place: string) {
      const item = find(place);
      if (item) remove(item);
    },
  };
}

const types = ['A', 'B', 'C'];
const operation = fc.record({
  kind: fc.constantFrom('set', 'set', 'set', 'get', 'get', 'delete'),
  space: fc.nat(types.length - 1),
  key: fc.nat(120).map((number) => `key-${number}`),
  bytes: fc.oneof(
    { weight: 20, arbitrary: fc.nat(32_768) },
    { weight: 2, arbitrary: fc.nat(200_000) },
    { weight: 1, arbitrary: fc.constantFrom(0, 2 * MIB) },
  ),
});

test('does what a naive model does, to the byte', { timeout: 120_000 }, () => {
  const operations = fc.array(operation, { minLength: 200, maxLength: 600, size: 'max' });
  fc.assert(
    fc.property(operations, (all) => {
      const maxBytes = 1.5 * MIB;
      const cache = createMemoryCache(maxBytes);
      const spaces = types.map((type) => cache.spaceOf(caller, offerOf(type)));
      const model = createModel(
        maxBytes,
        spaces.map(({ prefix }) => prefix),
      );
      all.forEach(({ kind, space, key, bytes }, step) => {
        const of = spaces[space] as (typeof spaces)[0];
        if (kind === 'get') {
          const entry = cache.get(of, key);
          const expected = model.get(`${space} ${key}`);
          if (expected) expectSame(entry, expected);
          else expect(entry).toBeUndefined();
        } else if (kind === 'set') {
          const entry = entryOf(bytes, `${step} ${key};`);
          expectSame(cache.set(of, key, entry), entry);
          model.set(space, key, entry);
        } else {
          cache.delete(of, key);
          model.delete(`${space} ${key}`);
        }
        if (cache.size !== model.items.length || cache.bytes !== model.bytes()) {
          expect([cache.size, cache.bytes]).toEqual([model.items.length, model.bytes()]);
        }
      });
      for (const { place, entry } of model.items) {
        const [space = '', key = ''] = place.split(' ');
        const kept = cache.get(spaces[Number(space)] as (typeof spaces)[0], key);
        expectSame(kept, entry);
      }
    }),
    { numRuns: 25 },
  );
});

function expectSame(entry: CacheEntry | undefined, expected: CacheEntry): void {
  expect({ ...entry, field: 0 }).toEqual({ ...expected, field: 0 });
  expect(Buffer.compare(entry?.field ?? Buffer.alloc(0), expected.field)).toBe(0);
}

let stormed = 0;
/** Sets so many keys that nobody asks for again. */
function storm(cache: MemoryCache, count: number): void {
  const space = cache.spaceOf(caller, offerOf('Storm'));
  for (let i = 0; i < count; i++) cache.set(space, `once-${stormed++}`, entryOf(1_000, 'x'));
}

/** Fills a cache half with keys that are asked for again. */
function createPopular() {
  const cache = createMemoryCache(1.5 * MIB);
  const space = cache.spaceOf(caller, offerOf('A'));
  const keys = Array.from({ length: 500 }, (_, i) => `hot-${i}`);
  for (const key of keys) cache.set(space, key, entryOf(1_000, key));
  const ask = () => keys.filter((key) => cache.get(space, key)).length;
  ask();
  return { cache, ask };
}

test('a storm of keys that nobody asks for twice drives out nothing that was asked for again', () => {
  const { cache, ask } = createPopular();
  storm(cache, 4_000);
  expect(cache.counts.evictions).toBeGreaterThan(3_000);
  expect(ask()).toBe(500);
});

test('no storm does, as long as they are asked for', () => {
  const { cache, ask } = createPopular();
  for (let part = 0; part < 20; part++) {
    storm(cache, 500);
    expect(ask()).toBe(500);
  }
});

test('what was popular once leaves for what is now, even when that comes in turn', () => {
  const { cache, ask } = createPopular();
  const space = cache.spaceOf(caller, offerOf('B'));
  let hits = 0;
  for (let round = 0; round < 20; round++) {
    hits = 0;
    for (let i = 0; i < 800; i++) {
      if (cache.get(space, `${i}`)) hits++;
      else cache.set(space, `${i}`, entryOf(1_000, 'b'));
    }
  }
  expect(hits).toBe(800);
  expect(ask()).toBeLessThan(300);
});

test('who has an entry has its bytes for as long as they want, whatever becomes of it', () => {
  const cache = createMemoryCache(2 * MIB);
  const space = cache.spaceOf(caller, offerOf('A'));
  const given = Array.from({ length: 500 }, (_, i) => {
    const expected = entryOf(1_000, `value ${i}`);
    return { expected, entry: cache.set(space, `${i}`, expected) };
  });
  storm(cache, 10_000);
  for (let i = 0; i < 500; i++) cache.set(space, `${i}`, entryOf(1_000, 'another'));
  for (const { entry, expected } of given) expectSame(entry, expected);
});

test('an offer that was made anew with the same content has the same values', () => {
  const cache = createMemoryCache(MIB);
  const entry = cache.set(cache.spaceOf(caller, offerOf('A')), 'a', entryOf(10, 'one'));
  const anew = cache.spaceOf(testCaller(), offerOf('A'));
  expect(cache.get(anew, 'a')).toBe(entry);
  expect(cache.get(cache.spaceOf(caller, offerOf('B')), 'a')).toBeUndefined();
  const other = testCaller({ tenant: 'other' });
  expect(cache.get(cache.spaceOf(other, offerOf('A')), 'a')).toBeUndefined();
  // The last entry of the space goes, and it is filled through the other object.
  cache.delete(anew, 'a');
  expect(cache.bytes).toBe(0);
  const again = cache.set(anew, 'a', entryOf(10, 'two'));
  expect(cache.get(cache.spaceOf(caller, offerOf('A')), 'a')).toBe(again);
});

test('what is confirmed keeps its bytes where they are', () => {
  const cache = createMemoryCache(MIB);
  const space = cache.spaceOf(caller, offerOf('A'));
  const entry = cache.set(space, 'a', entryOf(10, 'one'));
  const confirmed = cache.set(space, 'a', { ...entry, confirmedAtMs: 5 });
  expect(confirmed.field).toBe(entry.field);
  expect(cache.get(space, 'a')).toMatchObject({ confirmedAtMs: 5 });
});

test('equal facts and judgements are one object', () => {
  const cache = createMemoryCache(MIB);
  const space = cache.spaceOf(caller, offerOf('A'));
  const keep = (key: string, labels: Record<string, string>) =>
    cache.set(space, key, {
      ...entryOf(10, key, labels),
      judged: { ...unjudged, validity: 1, notes: ['odd'] },
    });
  const one = keep('a', { team: 'red' });
  const same = keep('b', { team: 'red' });
  const other = keep('c', { team: 'blue' });
  expect(same.facts).toBe(one.facts);
  expect(same.judged).toBe(one.judged);
  expect(other.facts).toEqual({ sensitivity: 1, labels: { team: 'blue' }, owner: 'lin' });
});
