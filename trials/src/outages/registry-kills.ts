import { setTimeout } from 'node:timers/promises';
import { openTopology, type Server, type Topology } from '../parts/topology.ts';

/** How writes to the registry fared while registries were killed under them. */
export interface RegistryKills {
  readonly acknowledged: number;
  /** Writes that failed; whether they are in force nobody knows. */
  readonly open: number;
  readonly kills: number;
  /** Acknowledged, and not there afterwards. */
  readonly lost: readonly string[];
}

const WRITERS = 8;
const WRITE_TIMEOUT_MS = 5_000;
const PAUSE_AFTER_FAILURE_MS = 20;
const PAGE_SIZE = 500;

/** How many writes, and how registries are killed. */
export interface KillOptions {
  readonly writes: number;
  readonly registries: number;
  /** After so many more a registry is killed, in turn, with others under way; it comes back. */
  readonly killEvery: number;
  readonly signal: AbortSignal;
}

/** Writes until so many are acknowledged, while registries are killed with SIGKILL. */
export async function killRegistries(options: KillOptions): Promise<RegistryKills> {
  const { registries, writes } = options;
  await using topology = await openTopology({ registries, routers: 1 });
  const acknowledged = new Set<string>();
  let open = 0;
  let begun = 0;
  const killing: Promise<void>[] = [];
  const killNext = () => {
    const { part } = topology.registries[killing.length % registries] as Server;
    killing.push(part.kill().then(() => part.start()));
  };
  const writer = async () => {
    while (acknowledged.size < writes && !options.signal.aborted) {
      begun += 1;
      const name = `c-${begun}`;
      const source = { case: 'manifest', value: { name, description: name } } as const;
      try {
        await topology
          .client(0)
          .registry.registerConsumer({ source }, { timeoutMs: WRITE_TIMEOUT_MS });
        acknowledged.add(name);
        if (acknowledged.size % options.killEvery === 0) killNext();
      } catch {
        open += 1;
        await setTimeout(PAUSE_AFTER_FAILURE_MS);
      }
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, writer));
  await Promise.all(killing);
  await topology.ready();
  const there = await consumersOf(topology);
  const lost = [...acknowledged].filter((name) => !there.has(name));
  return { acknowledged: acknowledged.size, open, kills: killing.length, lost };
}

async function consumersOf(topology: Topology): Promise<Set<string>> {
  const names = new Set<string>();
  let pageToken = '';
  do {
    const page = { pageSize: PAGE_SIZE, pageToken };
    const { consumers, nextPageToken } = await topology.client(0).registry.listConsumers(page);
    for (const { manifest } of consumers) {
      if (manifest && manifest.name === manifest.description) names.add(manifest.name);
    }
    pageToken = nextPageToken;
  } while (pageToken !== '');
  return names;
}
