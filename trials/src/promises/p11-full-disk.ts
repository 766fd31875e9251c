import { fillDisk } from '../outages/full-disk.ts';
import type { Promised } from './promise.ts';

const REFUSED_WITHIN_MS = 1_000;
const RECOVERED_WITHIN_MS = 2_000;

/** A call that cannot be recorded is refused at once. */
export const p11: Promised = {
  id: 'P11',
  says: 'a full journal refuses within 1 s, and takes in calls again within 2 s of room',
  async measure(signal) {
    const found = await fillDisk(signal);
    return [
      { figure: 'answered', value: found.answered, unit: 'count' },
      { figure: 'refused while there was no room', value: found.refused, unit: 'count' },
      {
        figure: 'first refusal after the last answer',
        value: found.refusedAfterMs,
        unit: 'ms',
        limit: REFUSED_WITHIN_MS,
      },
      {
        figure: 'slowest refusal',
        value: found.slowestRefusalMs,
        unit: 'ms',
        limit: REFUSED_WITHIN_MS,
      },
      {
        figure: 'first answer after there was room',
        value: found.recoveredMs,
        unit: 'ms',
        limit: RECOVERED_WITHIN_MS,
      },
      { figure: 'answered and not recorded', value: found.lost.length, unit: 'count', limit: 0 },
      { figure: 'faults of the journal', value: found.faults, unit: 'count', limit: 0 },
    ];
  },
};
