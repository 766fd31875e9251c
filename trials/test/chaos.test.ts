import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkRecord, type ViolationKind } from '../src/chaos/check.ts';
import { runChaos, targetsOf } from '../src/chaos/run.ts';
import { createSchedule } from '../src/chaos/schedule.ts';
import type { Plant } from '../src/chaos/source.ts';
import { lastLine } from '../src/chaos/summary.ts';
import { openWorld, type World } from '../src/chaos/world.ts';
import { whyNoServers } from '../src/parts/binaries.ts';

const why = whyNoServers();
const OPEN_TIMEOUT_MS = 120_000;
const TEST_TIMEOUT_MS = 120_000;
const SEED = 7;

describe.skipIf(why !== undefined)(`a short trial${why ? ` (${why})` : ''}`, () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld({ registries: 2, routers: 2 });
  }, OPEN_TIMEOUT_MS);
  afterAll(() => world?.[Symbol.asyncDispose](), OPEN_TIMEOUT_MS);

  const run = async (durationMs: number, plant?: Plant) => {
    const told: string[] = [];
    const tell = (text: string) => void told.push(text);
    const { signal } = new AbortController();
    const schedule = createSchedule(SEED, durationMs, targetsOf(world));
    const options = { seed: SEED, durationMs, schedule, plant, signal, tell };
    const { record, done } = await runChaos(world, options);
    return { record, done, verdict: checkRecord(record) };
  };

  test(
    'ends with nothing wrong and nothing lost',
    async () => {
      const { record, done, verdict } = await run(10_000);
      expect(verdict.violations).toEqual([]);
      expect(lastLine(verdict)).toBe('wrong 0, lost 0');
      expect(done.length).toBeGreaterThan(3);
      expect(verdict.checked).toBeGreaterThan(100);
      expect(record.found.length).toBeGreaterThan(10);
    },
    TEST_TIMEOUT_MS,
  );

  const planted: [Plant, ViolationKind][] = [
    ['wrong', 'wrong item'],
    ['stale', 'stale'],
    ['tenant', 'other tenant'],
    ['lost', 'lost'],
  ];
  test.each(planted)(
    'counts what is planted: %s',
    async (plant, kind) => {
      const { verdict } = await run(3_000, plant);
      expect(verdict.violations.map((violation) => violation.kind)).toContain(kind);
      expect(lastLine(verdict)).not.toBe('wrong 0, lost 0');
    },
    TEST_TIMEOUT_MS,
  );
});
