import { fileURLToPath } from 'node:url';
import type { Worker } from 'node:worker_threads';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { Piscina } from 'piscina';
import { refuse } from '../errors.ts';
import type { Logger } from '../log.ts';
import { TransientMap } from '../transient.ts';
import { watchHeap } from './heap-watch.ts';
import { JobError, type JobFault } from './job-error.ts';
import type { JobAnswer, JobBegun, JobMessage, ThreadData } from './message.ts';
import { createWaiting } from './waiting.ts';

/** How long a thread may take to load its entry before the job that waits for it is given up. */
const THREAD_START_MAX_MS = 20_000;
const THREAD_IDLE_MS = 30_000;
const STACK_MAX_MB = 4;
const MIB = 2 ** 20;
/** How far V8's own limit, which may end the process, lies above that which ends the job. */
const HARD_HEAP_FACTOR = 8;
/** How much of the heap that ends a job earlier jobs may have left when it begins. */
const LEFT_OVER_SHARE = 0.5;
const RETRY_MS = 1000;
const threadFile = fileURLToPath(new URL('./thread.ts', import.meta.url));

/** A pool of threads for work that cannot be trusted to end. */
export interface WorkersOptions {
  /** The module that exports `doJob(job)`, which returns the answer; both are plain data. */
  readonly entry: URL;
  /** How many threads at most; each has one job at once. */
  readonly threads: number;
  /** How many jobs may wait for a thread; more are refused. */
  readonly queueMax: number;
  /** How long a job may run, in ms, from when a thread has it in hand. */
  readonly timeoutMs: number;
  /** How large the heap of a thread may grow before its job is ended, in MiB; looked at often. */
  readonly heapMaxMb: number;
  readonly log: Logger;
}

/** How to run one job. */
export interface JobOptions {
  /** Ends the job, and its thread if it runs. */
  readonly signal?: AbortSignal | undefined;
  /** Takes the job back as long as it waits; one that runs goes on. */
  readonly recall?: AbortSignal | undefined;
  /** How long it may run, in ms; the pool's time when left out. */
  readonly timeoutMs?: number | undefined;
  /**
   * Whose job it is. Lanes are served in turn; one of them has all threads but one at most (and
   * the only one, if there is one), and half of the queue. Left out: a lane of its own.
   */
  readonly lane?: string | undefined;
}

/** Threads that do jobs which may not end, and are killed with them. */
export interface Workers extends AsyncDisposable {
  /**
   * Has a job done. Throws what its handler refused with (a WeirError keeps its reason), JobError
   * when it ran out of time, heap or stack or its thread died, OVERLOADED when the queue is full
   * or the pool ends, and the reason of the signal that ended it.
   */
  run<T>(job: unknown, options?: JobOptions): Promise<T>;
}

interface Job {
  readonly id: number;
  readonly input: unknown;
  readonly timeoutMs: number;
  readonly answer: PromiseWithResolvers<unknown>;
  readonly kill: AbortController;
  timer?: NodeJS.Timeout;
  heap?: Disposable;
  hasBegun: boolean;
}

/** Opens a pool. Threads start with the first jobs, and end after 30 s without any. */
export function openWorkers(options: WorkersOptions): Workers {
  const { threads, log } = options;
  const pool = createPool(options);
  const waiting = createWaiting<Job>({
    max: options.queueMax,
    laneMax: Math.ceil(options.queueMax / 2),
    laneTakenMax: Math.max(1, threads - 1),
  });
  const running = new TransientMap<number, Job>();
  let lastId = 0;
  let isClosed = false;

  pool.on('message', ({ begun, threadId }: JobBegun) => {
    const job = running.get(begun);
    const thread = pool.threads.find((one) => one.threadId === threadId);
    if (job && thread) begin(job, thread);
  });
  // A thread that died without a job in hand has failed those that waited for it to start.
  pool.on('error', (cause: unknown) => {
    log.error({ err: cause }, 'a worker thread could not start, or died while it was idle');
    for (const job of running.values()) {
      if (!job.hasBegun) job.kill.abort(failure('crash', job, cause));
    }
  });

  function begin(job: Job, thread: Worker): void {
    const { kill } = job;
    job.hasBegun = true;
    job.heap = watchHeap(thread, options.heapMaxMb * MIB, () => kill.abort(failure('memory', job)));
    clearTimeout(job.timer);
    job.timer = setTimeout(() => kill.abort(failure('time', job)), job.timeoutMs);
  }

  /** As many as there are threads: nothing ever waits in the library's own, unbounded queue. */
  function next(): void {
    while (running.size < threads) {
      const taken = waiting.take();
      if (taken === undefined) return;
      const { lane, item: job } = taken;
      running.set(job.id, job);
      void perform(job).finally(() => {
        running.delete(job.id);
        waiting.release(lane);
        next();
      });
    }
  }

  async function perform(job: Job): Promise<void> {
    const { answer, kill } = job;
    job.timer = setTimeout(() => kill.abort(failure('crash', job)), THREAD_START_MAX_MS);
    const message: JobMessage = { id: job.id, job: job.input };
    const told = pool.run(message, { signal: kill.signal }).catch((error: unknown) => {
      throw kill.signal.aborted ? kill.signal.reason : death(job, error);
    });
    await told.then((said) => read(job, said)).then(answer.resolve, answer.reject);
    clearTimeout(job.timer);
    job.heap?.[Symbol.dispose]();
  }

  return {
    async run<T>(input: unknown, { signal, recall, timeoutMs, lane }: JobOptions = {}) {
      signal?.throwIfAborted();
      recall?.throwIfAborted();
      if (isClosed) throw closing();
      lastId += 1;
      const job: Job = {
        id: lastId,
        input,
        timeoutMs: timeoutMs ?? options.timeoutMs,
        answer: Promise.withResolvers<unknown>(),
        kill: new AbortController(),
        hasBegun: false,
      };
      const lined = lane === undefined ? `#${lastId}` : lane;
      if (!waiting.add(lined, job)) throw full();
      const cancel = () => {
        waiting.remove(lined, job);
        job.answer.reject(signal?.reason);
        job.kill.abort(signal?.reason);
      };
      const takeBack = () => {
        if (waiting.remove(lined, job)) job.answer.reject(recall?.reason);
      };
      signal?.addEventListener('abort', cancel, { once: true });
      recall?.addEventListener('abort', takeBack, { once: true });
      next();
      try {
        return (await job.answer.promise) as T;
      } finally {
        signal?.removeEventListener('abort', cancel);
        recall?.removeEventListener('abort', takeBack);
      }
    },
    async [Symbol.asyncDispose]() {
      isClosed = true;
      for (const job of waiting.clear()) job.answer.reject(closing());
      for (const job of running.values()) job.kill.abort(closing());
      await pool.destroy();
    },
  };
}

function createPool({ entry, threads, heapMaxMb }: WorkersOptions): Piscina<JobMessage, JobAnswer> {
  return new Piscina<JobMessage, JobAnswer>({
    filename: threadFile,
    name: 'answerJob',
    workerData: {
      entry: entry.href,
      leftOverMaxBytes: heapMaxMb * MIB * LEFT_OVER_SHARE,
    } satisfies ThreadData,
    minThreads: 0,
    maxThreads: threads,
    idleTimeout: THREAD_IDLE_MS,
    resourceLimits: {
      maxOldGenerationSizeMb: heapMaxMb * HARD_HEAP_FACTOR,
      stackSizeMb: STACK_MAX_MB,
    },
    recordTiming: false,
  });
}

function read(job: Job, answer: JobAnswer): unknown {
  switch (answer.kind) {
    case 'done':
      return answer.value;
    case 'refused':
      throw refuse(answer.reason, answer.text, answer.more);
    case 'stack':
      throw failure('stack', job);
    case 'failed':
      throw answer.error;
    default:
      throw answer satisfies never;
  }
}

/** What a thread died of with a job in hand. */
function death(job: Job, error: unknown): JobError {
  const isMemory =
    error instanceof Error && 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY';
  return failure(isMemory ? 'memory' : 'crash', job, error);
}

function failure(fault: JobFault, { timeoutMs }: Job, cause?: unknown): JobError {
  const texts: Readonly<Record<JobFault, string>> = {
    time: `the job took more than ${timeoutMs} ms and was ended`,
    memory: 'the job needed more memory than its thread may have',
    stack: 'the job called itself too deep',
    crash: 'the thread of the job died, or could not start',
  };
  return new JobError(fault, texts[fault], cause);
}

function full() {
  const text = 'more jobs wait than this server takes; try again later';
  return refuse(Reason.OVERLOADED, text, { retryDelayMs: RETRY_MS });
}

function closing() {
  const text = 'the server is shutting down; try again elsewhere, or later';
  return refuse(Reason.OVERLOADED, text, { retryDelayMs: RETRY_MS });
}
