import { setTimeout as sleep } from 'node:timers/promises';
import type { LoadProcess } from '../load/open-load.ts';
import type { LoadJob, Repetition, RunningSubject } from '../model.ts';
import { cpuUse, readCpu, residentMb } from './cpu.ts';
import { untilAborted } from './until-aborted.ts';

/** What came of a load, and what it took. */
export type Measured = Omit<Repetition, 'repetition' | 'disturbed'>;

const memoryLookMs = 100;

/** Puts a load on a subject, and watches both while it is measured. Throws when it is aborted. */
export async function measure(
  load: LoadProcess,
  { subject, job, signal }: { subject: RunningSubject; job: LoadJob; signal: AbortSignal },
): Promise<Measured> {
  const { pids } = subject;
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  const running = load.run(job);
  try {
    const [result, seen] = await untilAborted(Promise.all([running, watch()]), signal);
    return { ...result, ...seen };
  } finally {
    stop.abort();
  }

  async function watch() {
    await sleep(job.warmupMs, undefined, { signal: either });
    const forgotten = subject.gc();
    const before = readCpu(pids);
    const memory = watchMemory(pids, either);
    await forgotten;
    await sleep(job.durationMs, undefined, { signal: either });
    const { subjectSeconds, foreignShare } = cpuUse(before, readCpu(pids));
    const gc = await subject.gc();
    return {
      cpuSeconds: subjectSeconds,
      foreignCpuShare: foreignShare,
      rssMb: memory.greatestMb(),
      gcMs: gc?.totalMs,
      gcMaxMs: gc?.maxMs,
    };
  }
}

function watchMemory(pids: readonly number[], signal: AbortSignal) {
  let greatest = residentMb(pids);
  const looking = setInterval(() => {
    greatest = Math.max(greatest, residentMb(pids));
  }, memoryLookMs);
  signal.addEventListener('abort', () => clearInterval(looking), { once: true });
  return {
    greatestMb() {
      clearInterval(looking);
      return greatest;
    },
  };
}
