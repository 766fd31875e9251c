import type { Call } from '../chaos/record.ts';
import { openWorld } from '../chaos/world.ts';
import { runOutage } from '../outages/outage.ts';
import { redisOutage } from '../outages/schedules.ts';
import type { Promised } from './promise.ts';

const RECOVERED_MAX_MS = 5_000;

/** Redis may be anything: it is a cache. */
export const p17: Promised = {
  id: 'P17',
  says: 'Redis gone, flushed, hanging, full, read-only or full of garbage: no wrong answer; recovered within 5 s',
  async measure(signal) {
    await using world = await openWorld({ registries: 1, routers: 2 });
    const { record, verdict, beganMs } = await runOutage(world, redisOutage, signal);
    const lost = record.calls.filter(({ failed }) => failed && failed.code !== 'DeadlineExceeded');
    const killed = redisOutage.schedule.find(({ kind }) => kind === 'kill');
    const backMs = beganMs + (killed?.untilMs ?? 0);
    const shared = record.calls.find((call) => call.startMs > backMs && fromShared(call));
    return [
      { figure: 'answers checked', value: verdict.checked, unit: 'count' },
      { figure: 'wrong', value: verdict.violations.length, unit: 'count', limit: 0 },
      { figure: 'calls failed', value: lost.length, unit: 'count', limit: 0 },
      {
        figure: 'from the start of Redis to the first answer out of it',
        value: (shared?.endMs ?? Number.POSITIVE_INFINITY) - backMs,
        unit: 'ms',
        limit: RECOVERED_MAX_MS,
      },
    ];
  },
};

function fromShared({ answers }: Call): boolean {
  return answers.some(({ cache }) => cache === 'HIT_SHARED');
}
