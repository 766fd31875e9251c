import { Reason } from '@weir/sdk';
import { cutOff } from '../outages/cut-off.ts';
import type { Promised } from './promise.ts';

const MAX_AGE_MS = 30_000;
const STRICT_RECOVERY_MS = 5_000;

/** Without the registry a router serves from its snapshot, and not for ever. */
export const p08: Promised = {
  id: 'P8',
  says: 'cut off from the registry, also across its own restart, a router serves its snapshot up to its greatest age, says its age, then fails closed',
  async measure() {
    const { answered, refused, toldAgeMs, servedMs, reason, recoveredMs } =
      await cutOff(MAX_AGE_MS);
    const closed = reason === Reason.SNAPSHOT_STALE ? 1 : 0;
    return [
      {
        figure: 'calls answered of those made before the greatest age',
        value: answered / (answered + refused),
        unit: 'ratio',
        limit: 1,
        atLeast: true,
      },
      {
        figure: 'served after the cut, with 30 s allowed',
        value: servedMs / 1_000,
        unit: 's',
        limit: MAX_AGE_MS / 1_000,
      },
      {
        figure: 'age told last',
        value: toldAgeMs / 1_000,
        unit: 's',
        limit: MAX_AGE_MS / 1_000,
      },
      {
        figure: 'refused with SNAPSHOT_STALE after that',
        value: closed,
        unit: 'count',
        limit: 1,
        atLeast: true,
      },
      {
        figure: 'back after the way was mended',
        value: recoveredMs,
        unit: 'ms',
        limit: STRICT_RECOVERY_MS,
      },
    ];
  },
};
