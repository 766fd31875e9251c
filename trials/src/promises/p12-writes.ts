import { killRegistries } from '../outages/registry-kills.ts';
import type { Promised } from './promise.ts';

const WRITES = 10_000;
const KILL_EVERY = 1_000;

/** What was acknowledged stays. */
export const p12: Promised = {
  id: 'P12',
  says: 'none of 10,000 acknowledged writes is lost under kill -9',
  async measure(signal) {
    const options = { writes: WRITES, registries: 2, killEvery: KILL_EVERY, signal };
    const { acknowledged, open, kills, lost } = await killRegistries(options);
    return [
      { figure: 'acknowledged', value: acknowledged, unit: 'count', limit: WRITES, atLeast: true },
      { figure: 'registries killed with SIGKILL', value: kills, unit: 'count' },
      { figure: 'failed, their outcome open', value: open, unit: 'count' },
      { figure: 'acknowledged and lost', value: lost.length, unit: 'count', limit: 0 },
    ];
  },
};
