import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Part } from '../parts/part.ts';
import { openTopology, type Topology, until } from '../parts/topology.ts';
import { introduce } from '../promises/introduce.ts';
import { openAllKeysProvider } from './all-keys-provider.ts';
import { compareHeld, type HeldRecords, readHeld } from './held-records.ts';
import { callRecorded, type RecordedCalls } from './recorded-calls.ts';

/** How the records of calls fared whose routers and registries were killed again and again. */
export interface RecorderKills {
  readonly answered: number;
  /** Calls that failed. */
  readonly failed: number;
  readonly routerKills: number;
  readonly registryKills: number;
  /** Answered, and not in the registry's chains or not found by a search. */
  readonly lost: readonly string[];
  /** Answered, and there more than once. */
  readonly doubled: readonly string[];
  /** What the verifier finds wrong with the chains. */
  readonly faults: readonly string[];
  readonly chains: number;
  /** From the last call until the registry had all. */
  readonly shippedMs: number;
}

/** How long, and what is planted. */
export interface RecorderKillOptions {
  /** How long calls come, and processes are killed. */
  readonly durationMs: number;
  /** A planted fault: the last router that is killed loses what it had not shipped. */
  readonly lose?: boolean;
  readonly signal: AbortSignal;
}

const ROUTERS = 2;
const TYPE = 'Recorded';
/** From one kill to the next. */
const KILL_EVERY_MS = { from: 200, to: 3_000 };
/** A process that was killed is down for so long. */
const DOWN_MS = { from: 0, to: 800 };
const SHIPPED_MAX_MS = 30_000;
/** What is lost for certain is not waited for as long. */
const PLANTED_MAX_MS = 4_000;
const LOST_MS = 500;

/** Calls routers while they and the registry are killed, and looks for the record of every answer. */
export async function killRecorders(options: RecorderKillOptions): Promise<RecorderKills> {
  await using provider = await openAllKeysProvider();
  await using topology = await openTopology({ registries: 1, routers: ROUTERS });
  await introduce(topology.client(0), TYPE, provider.url);
  const stop = AbortSignal.any([options.signal, AbortSignal.timeout(options.durationMs)]);
  const crowds = topology.routers.map(({ part: { name } }, router) =>
    callRecorded({ weir: topology.client(router), type: TYPE, name, signal: stop }),
  );
  const kills = await killAtRandom(topology, stop);
  await Promise.all(crowds.map(({ done }) => done));
  const losing = options.lose ? [await loseJournal(topology)] : [];
  await topology.ready();
  const answered = new Map([...crowds, ...losing].flatMap((crowd) => [...crowd.answered]));
  const failed = crowds.reduce((sum, crowd) => sum + crowd.failed, 0);
  const maxMs = options.lose ? PLANTED_MAX_MS : SHIPPED_MAX_MS;
  const { held, tookMs } = await readUntilWhole(topology, answered, maxMs);
  const { chains, faults } = held;
  const counts = { answered: answered.size, failed, ...kills, shippedMs: tookMs };
  return { ...counts, ...compareHeld(answered, held), chains, faults };
}

/** Kills one process after the other, whatever it is doing, and starts it again. */
async function killAtRandom({ routers, registries }: Topology, stop: AbortSignal) {
  const counts = { routerKills: 0, registryKills: 0 };
  const servers = [...routers, ...registries].map(({ part }) => part);
  const returning: Promise<void>[] = [];
  for (;;) {
    await pause(between(KILL_EVERY_MS), stop);
    if (stop.aborted) break;
    const part = servers[Math.floor(Math.random() * servers.length)] as Part;
    if (part.pid === undefined) continue;
    counts[routers.some((one) => one.part === part) ? 'routerKills' : 'registryKills'] += 1;
    await part.kill();
    returning.push(pause(between(DOWN_MS), stop).then(() => part.start()));
  }
  await Promise.all(returning);
  return counts;
}

/** Kills a router that has records which the registry cannot have, and removes them. */
async function loseJournal(topology: Topology): Promise<RecordedCalls> {
  const [registry, router] = [topology.registries[0]?.part, topology.routers[0]?.part];
  if (!registry || !router) throw new Error('there is a registry and a router');
  await topology.ready();
  await registry.kill();
  const signal = AbortSignal.timeout(LOST_MS);
  const calls = callRecorded({ weir: topology.client(0), type: TYPE, name: 'lost', signal });
  await calls.done;
  await router.kill();
  await rm(join(topology.site.folder, router.name, 'journal'), { recursive: true });
  registry.start();
  router.start();
  return calls;
}

/** Reads until every answer has its record and nothing is wrong, or the time is over. */
async function readUntilWhole(
  topology: Topology,
  answered: ReadonlyMap<string, number | undefined>,
  maxMs: number,
): Promise<{ held: HeldRecords; tookMs: number }> {
  const endWallMs = Date.now();
  let held: HeldRecords | undefined;
  const isWhole = async () => {
    held = await readHeld(topology.client(1), endWallMs);
    return held.faults.length + compareHeld(answered, held).lost.length === 0;
  };
  const startMs = performance.now();
  await until(isWhole, 'all is shipped', maxMs).catch(() => {});
  if (!held) throw new Error('the registry could not be read');
  return { held, tookMs: performance.now() - startMs };
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => {});
}

function between({ from, to }: { from: number; to: number }): number {
  return from + Math.random() * (to - from);
}
