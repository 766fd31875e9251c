import type { Link } from '../parts/link.ts';
import type { Part } from '../parts/part.ts';
import type { Topology } from '../parts/topology.ts';
import type { Fault } from './schedule.ts';

/** What faults are done to. */
export interface Breakable {
  readonly topology: Topology;
  readonly parts: ReadonlyMap<string, Part>;
}

/** Does a fault. Rejects when it cannot be done, because something else is broken. */
export async function inject({ topology, parts }: Breakable, fault: Fault): Promise<void> {
  const { target, kind } = fault;
  const { postgres, redis } = topology;
  switch (kind) {
    case 'kill':
      return await partOf(parts, target).kill();
    case 'freeze':
      return partOf(parts, target).freeze();
    case 'refuse':
    case 'stall':
    case 'reset':
      return linkOf(topology, target).cut(kind);
    case 'flush':
      return await redis.flush();
    case 'spoil':
      await redis.spoil();
      return;
    case 'full':
      return await redis.setFull(true);
    case 'replica':
      return await redis.setReplica(true);
    case 'read-only':
      return await postgres.setReadOnly(true);
    default:
      return kind satisfies never;
  }
}

/** Mends what a fault did. */
export async function mend({ topology, parts }: Breakable, fault: Fault): Promise<void> {
  const { target, kind } = fault;
  const { postgres, redis } = topology;
  switch (kind) {
    case 'kill':
      return partOf(parts, target).start();
    case 'freeze':
      return partOf(parts, target).thaw();
    case 'refuse':
    case 'stall':
      return await linkOf(topology, target).mend();
    case 'full':
      return await redis.setFull(false);
    case 'replica':
      return await redis.setReplica(false);
    case 'read-only':
      return await postgres.setReadOnly(false);
    case 'reset':
    case 'flush':
    case 'spoil':
      return;
    default:
      return kind satisfies never;
  }
}

/** Mends whatever may still be broken. */
export async function mendAll({ topology, parts }: Breakable): Promise<void> {
  for (const link of topology.links.values()) await link.mend();
  for (const part of parts.values()) {
    part.thaw();
    part.start();
  }
  await topology.postgres.ready();
  await topology.postgres.setReadOnly(false);
  await topology.redis.setFull(false);
  await topology.redis.setReplica(false);
}

function partOf(parts: ReadonlyMap<string, Part>, name: string): Part {
  const part = parts.get(name);
  if (!part) throw new Error(`there is no part ${name}`);
  return part;
}

function linkOf({ links }: Topology, name: string): Link {
  const link = links.get(name);
  if (!link) throw new Error(`there is no link ${name}`);
  return link;
}
