import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkEvents } from '../src/chaos/events/check.ts';
import { createLedger } from '../src/chaos/events/ledger.ts';
import { runEvents } from '../src/chaos/events/run.ts';
import type { EventPlant } from '../src/chaos/events/subscriber.ts';
import { lastEventLine, summariseEvents } from '../src/chaos/events/summary.ts';
import { type EventWorld, eventSchedule, openEventWorld } from '../src/chaos/events/world.ts';
import { whyNoServers } from '../src/parts/binaries.ts';

const why = whyNoServers();
const OPEN_TIMEOUT_MS = 120_000;
const TEST_TIMEOUT_MS = 240_000;
const SEED = 7;

describe.skipIf(why !== undefined)(`a short trial of events${why ? ` (${why})` : ''}`, () => {
  let world: EventWorld;
  beforeAll(async () => {
    world = await openEventWorld({ registries: 2, routers: 2 });
  }, OPEN_TIMEOUT_MS);
  afterAll(() => world?.[Symbol.asyncDispose](), OPEN_TIMEOUT_MS);

  const run = async (durationMs: number, events: number, plant?: EventPlant) => {
    const { signal } = new AbortController();
    const schedule = eventSchedule(world, SEED, durationMs);
    const options = { seed: SEED, durationMs, schedule, events, plant, signal, tell: () => {} };
    const trial = await runEvents(world, options);
    return { ...trial, verdict: checkEvents(trial), summary: summariseEvents };
  };

  test(
    'ends with nothing lost and nothing reordered',
    async () => {
      const { verdict, summary, ...trial } = await run(8_000, 300);
      expect(verdict).toMatchObject({ lost: [], reordered: [], wrong: [] });
      expect(lastEventLine(verdict)).toMatch(/^lost 0, reordered 0, duplicates \d+$/);
      expect(summary(trial, verdict).split('\n').at(-1)).toBe(lastEventLine(verdict));
      expect(trial.done.length).toBeGreaterThan(3);
      const acknowledged = trial.publishers.flatMap((one) => one.acknowledged);
      expect(acknowledged.length).toBeGreaterThanOrEqual(300);
      for (const { ledger } of trial.subscribers) expect(ledger.count).toBe(301);
    },
    TEST_TIMEOUT_MS,
  );

  test.each<EventPlant>(['lost', 'reordered'])(
    'counts what is planted: %s',
    async (plant) => {
      const { verdict } = await run(1_000, 100, plant);
      expect(verdict[plant]).not.toEqual([]);
      expect(lastEventLine(verdict)).not.toContain(`${plant} 0`);
      expect(verdict.isWell).toBe(false);
    },
    TEST_TIMEOUT_MS,
  );
});

describe('a ledger of events', () => {
  const heard = (number: number, key: string, position = number) => ({
    number,
    key,
    position: BigInt(position),
  });

  test('knows what came, what is missing, and what came again', () => {
    const ledger = createLedger();
    for (const number of [1, 2, 4]) ledger.hear(heard(number, 'a'));
    ledger.goOn();
    for (const number of [2, 4, 5]) ledger.hear(heard(number, 'a'));
    expect(ledger.missing([1, 2, 3, 4, 5, 6])).toEqual([3, 6]);
    expect([ledger.count, ledger.duplicates]).toEqual([4, 2]);
    expect([ledger.reordered, ledger.twice]).toEqual([[], []]);
    expect([ledger.has(5), ledger.has(6)]).toEqual([true, false]);
  });

  test('keeps the order of each key, and that of positions', () => {
    const ledger = createLedger();
    ledger.hear(heard(2, 'a', 1));
    ledger.hear(heard(1, 'b', 2));
    expect(ledger.reordered).toEqual([]);
    ledger.hear(heard(4, 'c', 5));
    ledger.hear(heard(3, 'c', 6));
    ledger.hear(heard(5, 'd', 4));
    expect(ledger.reordered).toEqual(['3 of c came after 4', '5 at position 4 came after 6']);
  });

  test('tells an event that was published twice from one that came again', () => {
    const ledger = createLedger();
    ledger.hear(heard(1, 'a', 1));
    ledger.hear(heard(1, 'a', 2));
    expect([ledger.duplicates, ledger.twice]).toEqual([0, ['1 at positions 1 and 2']]);
  });
});
