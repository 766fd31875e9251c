import { describe, expect, test } from 'vitest';
import { killJournals } from '../src/outages/journal-kills.ts';

const TIMEOUT_MS = 120_000;
const KILLS = 5;
const { signal } = new AbortController();

describe('a process that is killed while it answers calls', () => {
  test.each([
    ['', false],
    [' in the durable mode', true],
  ])(
    'leaves a record of each that it answered%s, in chains that follow each other',
    async (_, durable) => {
      const { answered, kills, lost, faults, chains } = await killJournals({
        ...{ kills: KILLS, durable, signal },
      });
      expect(lost).toEqual([]);
      expect(faults).toEqual([]);
      expect(answered).toBeGreaterThan(KILLS);
      expect(kills).toBe(KILLS);
      expect(chains).toBe(KILLS);
    },
    TIMEOUT_MS,
  );

  test(
    'is found out when it answers before the record is written',
    async () => {
      const { lost } = await killJournals({ kills: KILLS, early: true, signal });
      expect(lost.length).toBeGreaterThan(0);
    },
    TIMEOUT_MS,
  );
});
