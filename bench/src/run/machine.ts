import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import type { Machine, Pins } from '../model.ts';

const bytesPerGb = 1024 ** 3;

/** One core for who is measured, and the others for the rest, where the system lets us choose. */
export function choosePins(): Pins {
  const [subject, ...others] = allowedCores();
  if (subject === undefined || others.length === 0 || !canPin()) {
    return { subject: undefined, others: undefined };
  }
  return { subject: String(subject), others: others.join(',') };
}

/** Moves this process to where all goes that is not measured. */
export function pinOurselves({ others }: Pins): void {
  if (others === undefined) return;
  execFileSync('taskset', ['-a', '-p', '-c', others, String(process.pid)], { stdio: 'ignore' });
}

/** What is measured on. */
export function machineOf(pins: Pins): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGb: Math.round((totalmem() / bytesPerGb) * 10) / 10,
    node: process.version,
    pinned: pins.subject !== undefined,
  };
}

/** The numbers of a list such as "0-3,8". */
export function coresOf(list: string): number[] {
  return list.split(',').flatMap((part) => {
    const [first = Number.NaN, last = first] = part.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}

function allowedCores(): number[] {
  try {
    const status = readFileSync('/proc/self/status', 'utf8');
    return coresOf(/^Cpus_allowed_list:\s*(\S+)/m.exec(status)?.[1] ?? '');
  } catch {
    return [];
  }
}

function canPin(): boolean {
  try {
    execFileSync('taskset', ['-p', String(process.pid)], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
