import type { Fault } from '../chaos/schedule.ts';

/** How long a schedule takes, with calm at its end in which everything is as before. */
export interface Outage {
  readonly schedule: readonly Fault[];
  readonly durationMs: number;
  /** When the last fault is mended. */
  readonly calmFromMs: number;
}

/** Redis in every state that it can be in, one after the other. */
export const redisOutage: Outage = {
  schedule: [
    { atMs: 1_500, untilMs: 1_500, target: 'redis', kind: 'spoil' },
    { atMs: 2_500, untilMs: 2_500, target: 'redis', kind: 'flush' },
    { atMs: 3_500, untilMs: 5_000, target: 'redis', kind: 'freeze' },
    { atMs: 6_500, untilMs: 7_500, target: 'redis', kind: 'full' },
    { atMs: 8_500, untilMs: 9_500, target: 'redis', kind: 'replica' },
    { atMs: 10_500, untilMs: 12_000, target: 'redis', kind: 'kill' },
    { atMs: 13_000, untilMs: 13_000, target: 'redis', kind: 'spoil' },
  ],
  durationMs: 19_000,
  calmFromMs: 13_000,
};

/** PostgreSQL killed, read-only and hanging. */
export const postgresOutage: Outage = {
  schedule: [
    { atMs: 1_500, untilMs: 4_500, target: 'postgres', kind: 'kill' },
    { atMs: 8_000, untilMs: 11_000, target: 'postgres', kind: 'read-only' },
    { atMs: 13_000, untilMs: 15_000, target: 'postgres', kind: 'freeze' },
  ],
  durationMs: 25_000,
  calmFromMs: 15_000,
};
