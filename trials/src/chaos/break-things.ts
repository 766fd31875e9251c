import { setTimeout } from 'node:timers/promises';
import { type Breakable, inject, mend } from './faults.ts';
import type { Fault } from './schedule.ts';

/** How things are broken. */
export interface Breaking {
  readonly durationMs: number;
  readonly schedule: readonly Fault[];
  /** Ends it early. */
  readonly signal: AbortSignal;
  /** Told what happens, as it happens. */
  readonly tell: (text: string) => void;
}

/** Goes through the schedule on the clock; returns the faults that could be done. */
export async function breakThings(
  world: Breakable,
  { schedule, durationMs, signal, tell }: Breaking,
): Promise<Fault[]> {
  const done: Fault[] = [];
  const startMs = performance.now();
  const at = (ms: number) =>
    setTimeout(Math.max(0, startMs + ms - performance.now()), undefined, { signal });
  const one = async (fault: Fault) => {
    await at(fault.atMs);
    const { target, kind } = fault;
    try {
      await inject(world, fault);
    } catch (error) {
      return tell(`${target}: ${kind} could not be done: ${(error as Error).message}`);
    }
    done.push(fault);
    tell(
      `${target}: ${kind}${fault.untilMs > fault.atMs ? ` for ${fault.untilMs - fault.atMs} ms` : ''}`,
    );
    await at(fault.untilMs);
    // What cannot be mended yet is mended at the end.
    await mend(world, fault).catch(() => {});
  };
  // All of them, also when it ends early: what is under way would break what is mended meanwhile.
  const ends = await Promise.allSettled([...schedule.map(one), at(durationMs)]);
  const failed = ends.find((end) => end.status === 'rejected');
  if (failed && !signal.aborted) throw failed.reason;
  return done;
}
