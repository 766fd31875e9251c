import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { parentPort, threadId, workerData } from 'node:worker_threads';
import { WeirError } from '../errors.ts';
import { isStackFault } from './job-error.ts';
import type { JobAnswer, JobBegun, JobMessage, ThreadData } from './message.ts';

// What every thread of a pool runs: it loads the pool's entry once and gives it one job at a time.

const { entry, leftOverMaxBytes } = workerData as ThreadData;
const { doJob } = (await import(entry)) as { doJob(job: unknown): unknown };

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Does one job. The time for it begins when the pool hears that it was begun. */
export async function answerJob({ id, job }: JobMessage): Promise<JobAnswer> {
  // The pool watches the heap as a whole: what earlier jobs left must not end this one.
  if (process.memoryUsage().heapUsed > leftOverMaxBytes) collectGarbage();
  parentPort?.postMessage({ begun: id, threadId } satisfies JobBegun);
  try {
    return { kind: 'done', value: await doJob(job) };
  } catch (error) {
    if (isStackFault(error)) return { kind: 'stack' };
    if (!(error instanceof WeirError)) return { kind: 'failed', error };
    const { reason, message, retryDelayMs, violations, metadata } = error;
    return { kind: 'refused', reason, text: message, more: { retryDelayMs, violations, metadata } };
  }
}
