import { readdirSync, readFileSync } from 'node:fs';

/** What processors and processes have done so far, in seconds of one core. */
export interface CpuReading {
  readonly atMs: number;
  /** All of the machine, by whomever; what interrupts took is left out: our own load makes them. */
  readonly machineSeconds: number;
  /** This process and all that it started. */
  readonly ownSeconds: number;
  /** Those who are measured. */
  readonly subjectSeconds: number;
}

/** What happened between two readings. */
export interface CpuUse {
  readonly subjectSeconds: number;
  /** CPU that others took of the machine, of one core. */
  readonly foreignShare: number;
}

const ticksPerSecond = 100;
const bytesPerMb = 1024 * 1024;
const pageBytes = 4096;

/** Reads what has been done so far. */
export function readCpu(subject: readonly number[]): CpuReading {
  const times = processTimes();
  const sum = (pids: Iterable<number>) => {
    let seconds = 0;
    for (const pid of pids) seconds += times.get(pid)?.seconds ?? 0;
    return seconds;
  };
  return {
    atMs: performance.now(),
    machineSeconds: machineSeconds(readFileSync('/proc/stat', 'utf8')),
    ownSeconds: sum(withDescendants([process.pid], times)),
    subjectSeconds: sum(subject),
  };
}

/** What was done between two readings. */
export function cpuUse(before: CpuReading, after: CpuReading): CpuUse {
  const seconds = (after.atMs - before.atMs) / 1_000;
  const machine = after.machineSeconds - before.machineSeconds;
  const own = after.ownSeconds - before.ownSeconds;
  return {
    subjectSeconds: after.subjectSeconds - before.subjectSeconds,
    // Clocks of the machine and of processes tick apart: a little less than nothing is nothing.
    foreignShare: Math.max(0, (machine - own) / seconds),
  };
}

/** The memory that processes hold together, in MB. */
export function residentMb(pids: readonly number[]): number {
  let pages = 0;
  for (const pid of pids) pages += Number(read(`/proc/${pid}/statm`).split(' ')[1] ?? 0);
  return (pages * pageBytes) / bytesPerMb;
}

/** The seconds of all cores in /proc/stat: user, nice, system and stolen. */
export function machineSeconds(stat: string): number {
  const [user = 0, nice = 0, system = 0, , , , , steal = 0] =
    /^cpu +(.*)$/m.exec(stat)?.[1]?.split(' ').map(Number) ?? [];
  return (user + nice + system + steal) / ticksPerSecond;
}

interface ProcessTime {
  readonly parent: number;
  readonly seconds: number;
}

function processTimes(): Map<number, ProcessTime> {
  const times = new Map<number, ProcessTime>();
  for (const name of readdirSync('/proc')) {
    const time = /^\d+$/.test(name) ? processTime(read(`/proc/${name}/stat`)) : undefined;
    if (time) times.set(Number(name), time);
  }
  return times;
}

/** The parent and the time of a process, with that of its children that have ended. */
export function processTime(stat: string): ProcessTime | undefined {
  // The name of the program may hold anything, and ends with the last parenthesis.
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const [, parent, , , , , , , , , , user, system, userOfEnded, systemOfEnded] = fields;
  if (parent === undefined || user === undefined || systemOfEnded === undefined) return undefined;
  const ticks = user + (system ?? 0) + (userOfEnded ?? 0) + systemOfEnded;
  return { parent, seconds: ticks / ticksPerSecond };
}

/** Processes, and all that they started. */
export function withChildren(pids: readonly number[]): number[] {
  return [...withDescendants(pids, processTimes())];
}

function withDescendants(
  pids: readonly number[],
  times: ReadonlyMap<number, ProcessTime>,
): Set<number> {
  const found = new Set(pids);
  for (let before = 0; before < found.size; ) {
    before = found.size;
    for (const [child, { parent }] of times) if (found.has(parent)) found.add(child);
  }
  return found;
}

/** The text of a file; empty when its process has ended. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
