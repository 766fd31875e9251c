import { fileURLToPath } from 'node:url';
import type { CpuProfile, ProfileNode } from './inspector.ts';

/** The time that a function took itself, without what it called. */
export interface SelfTime {
  readonly name: string;
  /** Such as "router/src/plan.ts:12"; empty: no file. */
  readonly place: string;
  /** Of all the time in which the thread was not idle, from 0 to 1. */
  readonly share: number;
}

/** What a profile says of a thread. */
export interface SelfTimes {
  /** The share of its time in which it had something to do. */
  readonly busyShare: number;
  /** All functions, from the most to the least. */
  readonly functions: readonly SelfTime[];
}

const idle = '(idle)';

/** Adds up the samples of a profile by function. Files below `root` are named from there. */
export function selfTimes({ nodes, samples, timeDeltas }: CpuProfile, root: string): SelfTimes {
  const nodeOf = new Map(nodes.map((node) => [node.id, node]));
  const micros = new Map<string, { name: string; place: string; micros: number }>();
  let all = 0;
  let busy = 0;
  for (const [at, id] of samples.entries()) {
    const node = nodeOf.get(id);
    // The time until the next sample is that of this one.
    const took = Math.max(0, timeDeltas[at + 1] ?? 0);
    all += took;
    if (!node || node.callFrame.functionName === idle) continue;
    busy += took;
    const name = node.callFrame.functionName || '(anonymous)';
    const place = placeOf(node, root);
    const key = `${name} ${place}`;
    const known = micros.get(key) ?? { name, place, micros: 0 };
    known.micros += took;
    micros.set(key, known);
  }
  const functions = [...micros.values()]
    .toSorted((a, b) => b.micros - a.micros)
    .map(({ name, place, micros: took }) => ({ name, place, share: took / busy }));
  return { busyShare: all > 0 ? busy / all : 0, functions };
}

function placeOf({ callFrame: { url, lineNumber } }: ProfileNode, root: string): string {
  if (url === '') return '';
  const path = url.startsWith('file:') ? fileURLToPath(url) : url;
  const short = path.startsWith(root) ? path.slice(root.length) : path;
  return `${short}:${lineNumber + 1}`;
}
