import { type JournalKillOptions, killJournals } from '../outages/journal-kills.ts';
import { killRecorders } from '../outages/recorder-kills.ts';
import { tamperWithJournal } from '../outages/tampering.ts';
import type { Measured, Promised } from './promise.ts';

const KILLS = 40;
const PLANTED_KILLS = 5;
const CHANGES = 1_000;
const TOPOLOGY_MS = 25_000;
const TOPOLOGY_PLANTED_MS = 2_000;

/** What was answered was recorded. */
export const p10: Promised = {
  id: 'P10',
  says: 'no answered call without its record under kill -9; what is changed in the journal is found, and where',
  async measure(signal) {
    const { unnoticed, misplaced } = await tamperWithJournal({ changes: CHANGES, signal });
    return [
      ...(await killed('', { kills: KILLS, signal })),
      ...(await killed(' (durable)', { kills: PLANTED_KILLS, durable: true, signal })),
      ...(await planted(signal)),
      ...(await whole(signal)),
      ...(await plantedWhole(signal)),
      { figure: 'changes of a journal', value: CHANGES, unit: 'count' },
      { figure: 'not noticed', value: unnoticed.length, unit: 'count', limit: 0 },
      { figure: 'noticed at another place', value: misplaced.length, unit: 'count', limit: 0 },
    ];
  },
};

async function killed(how: string, options: JournalKillOptions): Promise<Measured[]> {
  const { answered, kills, lost, faults } = await killJournals(options);
  return [
    { figure: `answered${how}`, value: answered, unit: 'count' },
    { figure: `processes killed with SIGKILL${how}`, value: kills, unit: 'count' },
    { figure: `answered and not recorded${how}`, value: lost.length, unit: 'count', limit: 0 },
    { figure: `faults of the journal${how}`, value: faults.length, unit: 'count', limit: 0 },
  ];
}

/** Routers and the registry as they run, killed while calls come; what the registry holds of them. */
async function whole(signal: AbortSignal): Promise<Measured[]> {
  const run = await killRecorders({ durationMs: TOPOLOGY_MS, signal });
  const count = (figure: string, value: number): Measured => ({ figure, value, unit: 'count' });
  const none = (figure: string, of: readonly string[]) => ({
    ...count(figure, of.length),
    limit: 0,
  });
  return [
    count('answered by two routers', run.answered),
    count('routers killed with SIGKILL', run.routerKills),
    count('registries killed with SIGKILL', run.registryKills),
    count('chains that they made', run.chains),
    none('answered, and not in the chains of the registry or not found by a search', run.lost),
    none('answered, and there more than once', run.doubled),
    none('faults of the chains of the registry', run.faults),
    { figure: 'until the registry had all, from the last call', value: run.shippedMs, unit: 'ms' },
  ];
}

/** The same, with a router whose disk is lost before it could ship. */
async function plantedWhole(signal: AbortSignal): Promise<Measured[]> {
  const { lost } = await killRecorders({ durationMs: TOPOLOGY_PLANTED_MS, lose: true, signal });
  const figure = 'answered, and not in the registry, of a router that lost its disk, as a control';
  return [{ figure, value: lost.length, unit: 'count', limit: 1, atLeast: true }];
}

/** The same count, of a process that answers too early: it must find some. */
async function planted(signal: AbortSignal): Promise<Measured[]> {
  const { lost } = await killJournals({ kills: PLANTED_KILLS, early: true, signal });
  return [
    {
      figure: 'answered and not recorded by a process that answers first, as a control',
      value: lost.length,
      unit: 'count',
      limit: 1,
      atLeast: true,
    },
  ];
}
