import { describe, expect, test } from 'vitest';
import { createSchedule, type Fault } from '../src/chaos/schedule.ts';

const targets = {
  processes: ['router-1', 'router-2', 'registry-1', 'provider-1'],
  links: ['router-1→registry', 'registry-1→postgres'],
};
const MINUTE_MS = 60_000;

describe('a schedule', () => {
  test('is the same for the same seed, and another for another', () => {
    expect(createSchedule(7, MINUTE_MS, targets)).toEqual(createSchedule(7, MINUTE_MS, targets));
    expect(createSchedule(8, MINUTE_MS, targets)).not.toEqual(
      createSchedule(7, MINUTE_MS, targets),
    );
  });

  test('breaks everything in every way, things of different targets at once', () => {
    const faults = createSchedule(7, MINUTE_MS, targets);
    const kinds = new Set(faults.map(({ target, kind }) => `${target} ${kind}`));
    // Processes and links have 2 and 3 ways to break, PostgreSQL 3, Redis 6.
    expect(kinds.size).toBe(4 * 2 + 2 * 3 + 3 + 6);
    expect(faults.some((one) => faults.some((other) => one !== other && overlap(one, other)))).toBe(
      true,
    );
  });

  test('never breaks what is broken, and mends everything before its end', () => {
    for (let seed = 0; seed < 50; seed += 1) {
      const faults = createSchedule(seed, MINUTE_MS, targets);
      for (const [at, fault] of faults.entries()) {
        expect(fault.untilMs).toBeLessThan(MINUTE_MS);
        const same = faults.slice(at + 1).filter(({ target }) => target === fault.target);
        expect(same.filter((other) => overlap(fault, other))).toEqual([]);
      }
    }
  });
});

function overlap(one: Fault, other: Fault): boolean {
  return one.atMs <= other.untilMs && other.atMs <= one.untilMs;
}
