import { Reason } from '@weir/sdk';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openWorld, type World } from '../src/chaos/world.ts';
import { cutOff } from '../src/outages/cut-off.ts';
import { runOutage } from '../src/outages/outage.ts';
import { killRegistries } from '../src/outages/registry-kills.ts';
import { postgresOutage, redisOutage } from '../src/outages/schedules.ts';
import { whyNoServers } from '../src/parts/binaries.ts';

const why = whyNoServers();
const TIMEOUT_MS = 240_000;
const MAX_AGE_MS = 25_000;
const { signal } = new AbortController();

describe.skipIf(why !== undefined)(`parts die${why ? ` (${why})` : ''}`, () => {
  test(
    'a router without the registry serves from its snapshot, also after a restart, and not for ever',
    async () => {
      const { answered, refused, toldAgeMs, servedMs, reason } = await cutOff(MAX_AGE_MS);
      expect(refused).toBe(0);
      expect(answered).toBeGreaterThan(1);
      expect(toldAgeMs).toBeGreaterThan(1_000);
      // A mark comes once a second: what was confirmed last may be so much older than the cut.
      expect(servedMs).toBeLessThanOrEqual(MAX_AGE_MS);
      expect(reason).toBe(Reason.SNAPSHOT_STALE);
    },
    TIMEOUT_MS,
  );

  test.each([
    ['the only registry is', 1],
    ['one of two registries is', 2],
  ])(
    'no acknowledged write is lost when %s killed under them',
    async (_, registries) => {
      const options = { writes: 240, registries, killEvery: 80, signal };
      const { acknowledged, kills, lost } = await killRegistries(options);
      expect(lost).toEqual([]);
      expect(acknowledged).toBeGreaterThanOrEqual(options.writes);
      expect(kills).toBeGreaterThanOrEqual(options.writes / options.killEvery);
    },
    TIMEOUT_MS,
  );
});

describe.skipIf(why !== undefined)(`servers fail${why ? ` (${why})` : ''}`, () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld({ registries: 1, routers: 2 });
  }, TIMEOUT_MS);
  afterAll(() => world?.[Symbol.asyncDispose](), TIMEOUT_MS);

  test(
    'Redis gone, flushed, hanging, full, read-only, or full of garbage: no wrong answer',
    async () => {
      const { record, verdict, beganMs } = await runOutage(world, redisOutage, signal);
      expect(verdict.violations).toEqual([]);
      // Whatever Redis does, items are fetched.
      expect(reasonsOf(record.calls.flatMap(({ failed }) => failed ?? []))).toEqual([]);
      const calm = record.calls.filter((call) => call.startMs > beganMs + redisOutage.calmFromMs);
      const caches = calm.flatMap(({ answers }) => answers.map(({ cache }) => cache));
      expect(caches).toContain('HIT_SHARED');
    },
    TIMEOUT_MS,
  );

  test(
    'PostgreSQL killed, read-only or hanging: reads go on, writes are refused, nothing is torn',
    async () => {
      const registry = world.parts.get('registry-1');
      const before = registry?.pid;
      const { record, verdict, beganMs } = await runOutage(world, postgresOutage, signal);
      expect(verdict.violations).toEqual([]);
      expect(reasonsOf(record.calls.flatMap(({ failed }) => failed ?? []))).toEqual([]);
      const open = record.registryWrites.flatMap(({ failed }) => failed ?? []);
      expect(reasonsOf(open)).toEqual(['STORE_UNAVAILABLE']);
      const calmMs = beganMs + postgresOutage.calmFromMs;
      const late = record.registryWrites.filter(({ atMs, failed }) => atMs > calmMs && !failed);
      expect(late.length).toBeGreaterThan(0);
      expect(registry?.pid).toBe(before);
    },
    TIMEOUT_MS,
  );
});

/** Why calls failed, but for those that a busy machine did not answer in time. */
function reasonsOf(all: readonly { reason: string }[]): string[] {
  const late = new Set(['DEADLINE_EXCEEDED', 'SNAPSHOT_BEHIND']);
  return [...new Set(all.map(({ reason }) => reason))].filter((reason) => !late.has(reason));
}
