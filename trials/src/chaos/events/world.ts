import type { Part } from '../../parts/part.ts';
import { openTopology, type Topology, type TopologyOptions } from '../../parts/topology.ts';
import { createSchedule, type Fault, type Targets } from '../schedule.ts';

/** A topology whose clients reach each router through a link. */
export interface EventWorld extends AsyncDisposable {
  readonly topology: Topology;
  /** All that can be killed and frozen, by name. */
  readonly parts: ReadonlyMap<string, Part>;
  /** The addresses of the routers, as clients have them. */
  readonly urls: readonly string[];
}

/** Short, so that events flow while things break; a killed router takes as long to come back. */
const LONGEST_MS = 2_000;

/** Opens the world of a trial of events. */
export async function openEventWorld(options: TopologyOptions): Promise<EventWorld> {
  await using opening = new AsyncDisposableStack();
  const topology = opening.use(await openTopology(options));
  const urls: string[] = [];
  for (const { part, url } of topology.routers) {
    const link = await topology.addLink(`clients→${part.name}`, [Number(new URL(url).port)]);
    urls.push(`http://127.0.0.1:${link.port}`);
  }
  const { postgres, redis, registries, routers } = topology;
  const parts = [postgres, redis, ...registries, ...routers].map(({ part }) => part);
  const open = opening.move();
  return {
    topology,
    parts: new Map(parts.map((part) => [part.name, part])),
    urls,
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

/** Things break until all is published, and at most for so many times as long as was asked for. */
const LONGER = 10;

/** The faults of a trial of events, more of them than come when all goes quickly. */
export function eventSchedule(world: EventWorld, seed: number, durationMs: number): Fault[] {
  return createSchedule(seed, LONGER * durationMs, targetsOf(world));
}

/** What of a world can be broken; kills come twice as often. Events need no Redis that is full or spoilt. */
function targetsOf({ topology: { registries, routers, links } }: EventWorld): Targets {
  const own = [...registries, ...routers].map(({ part }) => part.name);
  return {
    processes: [],
    longestMs: LONGEST_MS,
    links: [...links.keys()],
    servers: [
      ...own.map((name) => [name, ['kill', 'kill', 'freeze']] as const),
      ['postgres', ['kill', 'kill', 'freeze', 'read-only']],
      ['redis', ['kill', 'kill', 'freeze']],
    ],
  };
}
