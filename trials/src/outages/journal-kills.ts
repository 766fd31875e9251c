import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { verifyJournal } from '@weir/journal';
import { openFolder } from '../load/weir-process.ts';
import { startJournalProcess } from './journal-process.ts';

/** How calls fared whose process was killed again and again. */
export interface JournalKills {
  readonly answered: number;
  readonly kills: number;
  /** Answered, and without a record. */
  readonly lost: readonly string[];
  /** What the verifier finds wrong with the journal. */
  readonly faults: readonly string[];
  /** Whether every chain follows from the one before. */
  readonly chains: number;
}

/** How processes are killed. */
export interface JournalKillOptions {
  readonly kills: number;
  readonly durable?: boolean;
  /** A planted fault: answers leave before their records are written. */
  readonly early?: boolean;
  readonly signal: AbortSignal;
}

/** A process lives so long at most, from its first answer on. */
const LIFE_MAX_MS = 250;

/** Kills a process that answers calls at random moments, and looks for a record of every answer. */
export async function killJournals(options: JournalKillOptions): Promise<JournalKills> {
  await using folder = await openFolder();
  const directory = join(folder.path, 'journal');
  const answered = new Set<string>();
  let kills = 0;
  while (kills < options.kills && !options.signal.aborted) {
    await using one = startJournalProcess({ directory, run: `run${kills}`, ...options });
    one.onAnswered = (id) => void answered.add(id);
    await one.began;
    await sleep(Math.random() * LIFE_MAX_MS);
    await one.kill();
    kills += 1;
  }
  const recorded = await recordedIn(directory);
  const { faults, chains } = await verifyJournal({ directory });
  return {
    ...{ answered: answered.size, kills, chains: chains.length },
    lost: [...answered].filter((id) => !recorded.has(id)),
    faults: faults.map(({ chain, position, text }) => `${chain} ${position}: ${text}`),
  };
}

/** The ids of the calls whose records lie on the disk: the verifier says whether they are right. */
export async function recordedIn(directory: string): Promise<Set<string>> {
  const ids = new Set<string>();
  for (const entry of await readdir(directory, { recursive: true })) {
    if (!entry.endsWith('.seg')) continue;
    const bytes = await readFile(join(directory, entry), 'latin1');
    for (const [id] of bytes.matchAll(/run\d+-\d+(?= )/g)) ids.add(id);
  }
  return ids;
}
