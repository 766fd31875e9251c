import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { PerformanceObserver } from 'node:perf_hooks';
import { text } from 'node:stream/consumers';
import { setImmediate } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { create } from '@bufbuild/protobuf';
import type { Caller } from '@weir/kit';
import { nodeFlags } from '@weir/kit/node-flags';
import { ContentSchema } from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import { LRUCache } from 'lru-cache';
import { keyPrefix } from '../router/src/gather/cache-key.ts';
import { admit, type CacheEntry } from '../router/src/gather/entry.ts';
import { createMemoryCache } from '../router/src/gather/memory-cache.ts';
import { unjudged } from '../router/src/quality/judged.ts';
import type { Offer } from '../router/src/snapshot/catalogue.ts';

// npm run bench:cache: what a look-up in the memory cache costs with all that makes its key, beside a
// plain Map (the floor: one tenant, no bound) and lru-cache with the whole key as one text (what it was).
// For speed they take turns in one process, on the same entries; for memory each has a process of its own.

const { values } = parseArgs({
  options: {
    /** Measures the memory of this one, and writes its figures as JSON. */
    subject: { type: 'string' },
    /** The entries of the largest size. */
    entries: { type: 'string', default: '1000000' },
    /** How long each row of the first table is measured, in ms. */
    round: { type: 'string', default: '500' },
    /** How long look-ups go on of which 5 % miss, in ms. */
    churn: { type: 'string', default: '3000' },
  },
});
const LARGEST = Number(values.entries);
const SIZES = [1_000, 10_000, LARGEST];
const ROUND_MS = Number(values.round);
const COUNTED_SHARE = 0.9;
const CHURN_MS = Number(values.churn);
const MISS_SHARE = 0.05;
const BATCH = 32;
const VALUE_BYTES = 1_024;
const HEAP = '--max-old-space-size=8192';

/** A cache, as a call uses it for each of its items. */
interface Subject {
  get(caller: Caller, key: string): CacheEntry | undefined;
  set(caller: Caller, key: string, entry: CacheEntry): void;
}

interface Figures {
  /** Of memory for each byte of the values; and at the end of the churn. */
  readonly rssPerByte: number;
  readonly churnedRssPerByte: number;
  /** Microseconds of the processor for each look-up, with all that collects garbage. */
  readonly lookUpUs: number;
  readonly collections: number;
  readonly longestPauseMs: number;
  readonly pausesMs: number;
  readonly longestBatchMs: number;
}

const caller: Caller = {
  ...{ tenant: 'acme', principal: 'agent:support-7', consumer: 'support', keyId: 'k7QwErTy' },
  ...{ authentication: 'key', scopes: new Set(), permits: [], network: '10.20.30.40' },
  attributes: {},
};
const offer = {
  provider: {
    ...{ tenant: '', name: 'documents', version: '1.2.0', principalAttributes: [] },
    manifestHash: 'sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae',
  },
  ...{ type: 'DocChunk', typeVersion: '1.0.0', scope: 'tenant', ttlMs: 60_000, staleMs: 0 },
} as unknown as Offer;

const bounded = ['lru-cache', 'weir'] as const;
const names = ['map', ...bounded] as const;
type Name = (typeof names)[number];

/** Opens one that holds about so many entries. */
function openSubject(name: Name, entries: number): Subject {
  switch (name) {
    case 'map': {
      const map = new Map<string, CacheEntry>();
      return { get: (_, key) => map.get(key), set: (_, key, entry) => void map.set(key, entry) };
    }
    case 'lru-cache': {
      const bytesOf = (entry: CacheEntry, key: string) => entry.field.length + 2 * key.length + 256;
      const one = bytesOf(entryOf(0), keyPrefix(caller, offer) + keyOf(0));
      const cache = new LRUCache<string, CacheEntry>({
        maxSize: entries * one,
        sizeCalculation: bytesOf,
      });
      return {
        get: (of, key) => cache.get(keyPrefix(of, offer) + key),
        set: (of, key, entry) => void cache.set(keyPrefix(of, offer) + key, entry),
      };
    }
    case 'weir': {
      const probe = createMemoryCache(2 ** 30);
      probe.set(probe.spaceOf(caller, offer), keyOf(0), entryOf(0));
      const one = probe.bytes;
      probe.set(probe.spaceOf(caller, offer), keyOf(1), entryOf(1));
      const cache = createMemoryCache(one + (probe.bytes - one) * entries);
      return {
        get: (of, key) => cache.get(cache.spaceOf(of, offer), key),
        set: (of, key, entry) => void cache.set(cache.spaceOf(of, offer), key, entry),
      };
    }
  }
}

const template = admit(
  create(ContentSchema, {
    payload: Buffer.alloc(VALUE_BYTES, 'x'),
    etag: 'v1',
    source: 'handbook',
  }),
  offer,
  { wallMs: 0, monotonicMs: 0 },
);

/** An entry as one comes from a provider: nothing of it is shared. */
function entryOf(index: number, field: Uint8Array = template.field.slice()): CacheEntry {
  return {
    ...{ field, itemOffset: template.itemOffset, negative: false },
    ...{ large: false, etag: fresh(`v${index % 100}`), judged: unjudged },
    facts: {
      sensitivity: 2,
      labels: { team: fresh(`team-${index % 7}`) },
      owner: fresh('team:docs'),
    },
    ...{ confirmedAtMs: performance.now(), ttlMs: 60_000, staleMs: 0 },
  };
}

/** A text that nobody has hashed, as it is read from a request. */
function fresh(plain: string): string {
  return Buffer.from(plain, 'latin1').toString('latin1');
}

function keyOf(index: number): string {
  return fresh(`handbook/page-${String(index).padStart(8, '0')}`);
}

/** Few are asked for often: the odds of the n-th are as 1/n. They lie scattered. */
function zipf(size: number): number {
  return (Math.floor(size ** Math.random()) * 7_919) % size;
}

function uniform(size: number): number {
  return Math.floor(Math.random() * size);
}

/**
 * What one item of a batch costs each subject, in ns, as they take turns; `prepare` is not counted. The
 * slowest batches are left out: in them the machine did something else, or garbage was collected,
 * which the churn shows.
 */
function nsPerItem<T>(
  subjects: readonly Subject[],
  prepare: () => T,
  work: (subject: Subject, of: Caller, item: T) => void,
): number[] {
  const batchesMs: number[][] = subjects.map(() => []);
  const items: T[] = [];
  const warmMs = performance.now() + ROUND_MS / 4;
  const endMs = performance.now() + ROUND_MS;
  while (performance.now() < endMs) {
    subjects.forEach((subject, place) => {
      for (let at = 0; at < BATCH; at++) items[at] = prepare();
      // Each call has a caller of its own.
      const of = { ...caller };
      const startMs = performance.now();
      for (let at = 0; at < BATCH; at++) work(subject, of, items[at] as T);
      const stopMs = performance.now();
      if (startMs > warmMs) batchesMs[place]?.push(stopMs - startMs);
    });
  }
  return batchesMs.map((all) => {
    const counted = all.sort((a, b) => a - b).slice(0, Math.ceil(all.length * COUNTED_SHARE));
    return (counted.reduce((sum, ms) => sum + ms, 0) * 1e6) / (counted.length * BATCH);
  });
}

async function fill(subjects: readonly Subject[], size: number): Promise<void> {
  for (let index = 0; index < size; index++) {
    // When there are several, they share the bytes of entries: there it is not about memory.
    const entry = subjects.length > 1 ? entryOf(index, template.field) : entryOf(index);
    for (const subject of subjects) subject.set(caller, keyOf(index), entry);
    // As the event loop turns: what is external is freed between.
    if (index % 1_000 === 0) await setImmediate();
  }
}

async function measureMemory(name: Name): Promise<Figures> {
  const startBytes = rssNow();
  const subject = openSubject(name, LARGEST);
  await fill([subject], LARGEST);
  const rssPerByte = (rssNow() - startBytes) / (LARGEST * VALUE_BYTES);
  const churned = await churn(subject);
  const churnedRssPerByte = (process.memoryUsage.rss() - startBytes) / (LARGEST * VALUE_BYTES);
  return { rssPerByte, churnedRssPerByte, ...churned };
}

/** Rows of the table for one size: what it is, and ns for each subject. */
async function speeds(size: number): Promise<(readonly [string, readonly number[]])[]> {
  const subjects = names.map((name) => openSubject(name, size));
  await fill(subjects, size);
  let found = 0;
  const look = (subject: Subject, of: Caller, key: string) => {
    if (subject.get(of, key)) found++;
  };
  const keyed = (index: number) => ({ key: keyOf(index), entry: entryOf(index) });
  const set = (subject: Subject, of: Caller, { key, entry }: ReturnType<typeof keyed>) =>
    subject.set(of, key, entry);
  const hits = [
    ['hit, Zipf', nsPerItem(subjects, () => keyOf(zipf(size)), look)],
    ['hit, uniform', nsPerItem(subjects, () => keyOf(uniform(size)), look)],
  ] as const;
  if (found === 0) throw new Error('nothing was found');
  found = 0;
  const miss = nsPerItem(subjects, () => keyOf(size + uniform(size)), look);
  if (found > 0) throw new Error('found what is not there');
  const sets = nsPerItem(subjects, () => keyed(uniform(size)), set);
  return [...hits, ['miss', miss], ['set', sets]];
}

/** Look-ups of which some miss, and fill the cache that is full. */
async function churn(subject: Subject) {
  const pauses: number[] = [];
  const observer = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) pauses.push(duration);
  });
  await setImmediate();
  observer.observe({ entryTypes: ['gc'] });
  let next = LARGEST;
  let lookUps = 0;
  let longestBatchMs = 0;
  const cpu = process.cpuUsage();
  const endMs = performance.now() + CHURN_MS;
  while (performance.now() < endMs) {
    const batchMs = performance.now();
    const of = { ...caller };
    for (let at = 0; at < BATCH; at++) {
      const index = Math.random() < MISS_SHARE ? next++ : zipf(LARGEST);
      if (!subject.get(of, keyOf(index))) subject.set(of, keyOf(index), entryOf(index));
    }
    lookUps += BATCH;
    longestBatchMs = Math.max(longestBatchMs, performance.now() - batchMs);
    await setImmediate();
  }
  const { user, system } = process.cpuUsage(cpu);
  await setImmediate();
  observer.disconnect();
  return {
    ...{ lookUpUs: (user + system) / lookUps, collections: pauses.length, longestBatchMs },
    longestPauseMs: Math.max(0, ...pauses),
    pausesMs: pauses.reduce((sum, pause) => sum + pause, 0),
  };
}

function rssNow(): number {
  globalThis.gc?.();
  globalThis.gc?.();
  return process.memoryUsage.rss();
}

/** Runs a part in a process of its own; returns what it wrote. */
async function measureApart(part: Name | 'speeds'): Promise<string> {
  const flags = ['--expose-gc', ...nodeFlags, HEAP];
  const own = [`--subject=${part}`, ...process.argv.slice(2)];
  const child = spawn(process.execPath, [...flags, import.meta.filename, ...own], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [written, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  if (code !== 0) throw new Error(`${part} ended with ${code}`);
  return written;
}

function row(cells: readonly string[]): void {
  console.log(cells.map((cell) => cell.padStart(15)).join(''));
}

async function printSpeeds(): Promise<void> {
  console.log(`ns for each of ${BATCH} items of a call, and as a multiple of the Map's`);
  row(['entries', '', ...names]);
  for (const size of SIZES) {
    for (const [label, ns] of await speeds(size)) {
      const cells = ns.map((one) => `${one.toFixed(0)} (${(one / (ns[0] ?? 0)).toFixed(2)})`);
      row([String(size), label, ...cells]);
    }
  }
}

function printRest(all: readonly Figures[]): void {
  const of: [string, (figures: Figures) => string][] = [
    ['memory per byte of values', (f) => f.rssPerByte.toFixed(2)],
    ['the same after the churn', (f) => f.churnedRssPerByte.toFixed(2)],
    ['processor per look-up, µs', (f) => f.lookUpUs.toFixed(2)],
    ['collections', (f) => String(f.collections)],
    ['longest pause, ms', (f) => f.longestPauseMs.toFixed(1)],
    ['all pauses, ms', (f) => f.pausesMs.toFixed(0)],
    ['longest batch, ms', (f) => f.longestBatchMs.toFixed(1)],
  ];
  console.log(
    `\n${LARGEST} entries; churn: ${CHURN_MS} ms of look-ups of which ${MISS_SHARE * 100} % miss`,
  );
  row(['', '', '', ...bounded]);
  for (const [label, show] of of) row([label.padStart(45), ...all.map(show)]);
}

if (values.subject === undefined) {
  process.stdout.write(await measureApart('speeds'));
  const all: Figures[] = [];
  for (const name of bounded) all.push(JSON.parse(await measureApart(name)) as Figures);
  printRest(all);
} else if (values.subject === 'speeds') {
  await printSpeeds();
} else {
  console.log(JSON.stringify(await measureMemory(values.subject as Name)));
}
