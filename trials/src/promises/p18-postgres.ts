import type { Refused, RegistryWrite } from '../chaos/record.ts';
import { openWorld } from '../chaos/world.ts';
import { runOutage } from '../outages/outage.ts';
import { postgresOutage } from '../outages/schedules.ts';
import type { Promised } from './promise.ts';

const BACK_MAX_MS = 10_000;

/** The registry's database may go: reads go on, writes wait. */
export const p18: Promised = {
  id: 'P18',
  says: 'PostgreSQL killed, read-only or hanging: reads go on, no partial write, back within 10 s',
  async measure(signal) {
    await using world = await openWorld({ registries: 1, routers: 2 });
    const { record, verdict, beganMs } = await runOutage(world, postgresOutage, signal);
    const failed = record.calls.filter((call) => isAway(call.failed));
    const refused = record.registryWrites.filter((write) => write.failed);
    const backs = postgresOutage.schedule.map(({ untilMs }) =>
      backAfter(record.registryWrites, beganMs + untilMs),
    );
    return [
      {
        figure: 'answers and writes that are wrong or torn',
        value: verdict.violations.length,
        unit: 'count',
        limit: 0,
      },
      { figure: 'calls made meanwhile', value: record.calls.length, unit: 'count' },
      { figure: 'calls that found no Weir', value: failed.length, unit: 'count', limit: 0 },
      { figure: 'writes refused', value: refused.length, unit: 'count', limit: 1, atLeast: true },
      {
        figure: 'from PostgreSQL let go on to the first write, the longest of three',
        value: Math.max(...backs),
        unit: 'ms',
        limit: BACK_MAX_MS,
      },
    ];
  },
};

/** A token whose write no router could hear of yet is no reason to say that reads stopped. */
function isAway(failed: Refused | undefined): boolean {
  return failed?.code === 'Unavailable' && failed.reason !== 'SNAPSHOT_BEHIND';
}

function backAfter(writes: readonly RegistryWrite[], mendedMs: number): number {
  const ends = writes.filter(({ failed, atMs }) => !failed && atMs > mendedMs);
  return Math.min(...ends.map(({ endMs }) => endMs)) - mendedMs;
}
