import { checkRecord, type Verdict } from '../chaos/check.ts';
import type { ChaosRecord } from '../chaos/record.ts';
import { runChaos } from '../chaos/run.ts';
import type { World } from '../chaos/world.ts';
import type { Outage } from './schedules.ts';

/** An outage that is over. */
export interface OutageRun {
  readonly record: ChaosRecord;
  readonly verdict: Verdict;
  /** When it began, on the clock of the record. */
  readonly beganMs: number;
}

const SEED = 1;

/** Runs a trial in which only what the outage names is broken. */
export async function runOutage(
  world: World,
  { schedule, durationMs }: Outage,
  signal: AbortSignal,
): Promise<OutageRun> {
  const beganMs = world.nowMs();
  const tell = () => {};
  const { record } = await runChaos(world, { seed: SEED, durationMs, schedule, signal, tell });
  return { record, verdict: checkRecord(record), beganMs };
}
