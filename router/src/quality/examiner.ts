import { type Clock, JobError, type Logger, openWorkers, type Workers } from '@weir/kit';
import { LRUCache } from 'lru-cache';
import { cleaningLimits } from '../cleaners/clean.ts';
import { createInline } from '../inline.ts';
import { createRoom } from '../room.ts';
import { compileQuestions, type Examine, type Findings, type Questions } from './examine.ts';
import type { ExamineJob } from './examine-job.ts';

/** Cleans and checks the values of providers. */
export interface Examiner extends AsyncDisposable {
  /**
   * Examines a payload. `owner`: the tenant whose schema and values they are; no other waits
   * for its checks. At once where neither schema nor size ask for a worker. Never rejects.
   */
  examine(questions: Questions, payload: Uint8Array, owner: string): Findings | Promise<Findings>;
}

const THREADS = 2;
/** Checks that wait for a thread; what is beyond counts as not checked. */
const QUEUE_MAX = 1_024;
/** What values that are examined or wait for it may hold together; half of it for one tenant. */
const WAITING_MAX_BYTES = 64 * 1024 * 1024;
/** How long one check may run, with the compiling of its schema. */
const TIMEOUT_MS = 1_000;
const HEAP_MAX_MB = 128;
/** How long a check that had to be stopped is left alone. */
const REST_MS = 30_000;
const RESTING_MAX = 1_000;
/** The largest payload that is cleaned without a worker, by one form of one cleaner. */
const INLINE_MAX_BYTES = 16 * 1024;
/** What that may take of the event loop: so much of every window. */
const INLINE_BUDGET_MS = 10;
const INLINE_WINDOW_MS = 50;
const inlineLimits = { ...cleaningLimits, steps: 50_000 };
const COMPILED_MAX = 1_000;

/** Opens an examiner; its threads start with the first check. */
export function openExaminer({ clock, log }: { clock: Clock; log: Logger }): Examiner {
  const workers = openWorkers({
    entry: new URL('./examine-job.ts', import.meta.url),
    threads: THREADS,
    queueMax: QUEUE_MAX,
    timeoutMs: TIMEOUT_MS,
    heapMaxMb: HEAP_MAX_MB,
    log,
  });
  return createExaminer(workers, clock);
}

/** Makes an examiner that works with the threads given, and closes them. */
function createExaminer(workers: Workers, clock: Clock): Examiner {
  const compiled = new LRUCache<string, Examine>({ max: COMPILED_MAX });
  const restingUntilMs = new LRUCache<string, number>({ max: RESTING_MAX });

  const room = createRoom(WAITING_MAX_BYTES);
  const inline = createInline(clock, {
    maxBytes: INLINE_MAX_BYTES,
    budgetMs: INLINE_BUDGET_MS,
    windowMs: INLINE_WINDOW_MS,
  });

  const run = async (job: ExamineJob, owner: string): Promise<Findings> => {
    const bytes = job.payload.byteLength;
    if (!room.take(owner, bytes)) throw new Error('too many values wait to be examined');
    // A copy: with a part of a message the thread would be sent all of it.
    const payload = new Uint8Array(job.payload);
    try {
      return await workers.run<Findings>({ ...job, payload }, { lane: owner });
    } finally {
      room.give(owner, bytes);
    }
  };

  const check = async (job: ExamineJob, owner: string): Promise<Findings> => {
    const { id } = job.questions;
    // Of this tenant alone: what its values do to a schema must not rest another's checks.
    const resting = `${owner}\0${id}`;
    let unchecked = 'the check had to be stopped a moment ago, and is not run again for a while';
    if ((restingUntilMs.get(resting) ?? Number.NEGATIVE_INFINITY) <= clock.monotonicMs()) {
      try {
        return await run(job, owner);
      } catch (error) {
        unchecked = failureText(error);
        if (isCostly(error)) restingUntilMs.set(resting, clock.monotonicMs() + REST_MS);
      }
    }
    const { schema: _, ...others } = job.questions;
    const questions = { ...others, id: `${id} unchecked` };
    return { ...(await examineUnchecked(questions, job.payload, owner)), unchecked };
  };

  const examineUnchecked = (
    questions: Questions,
    payload: Uint8Array,
    owner: string,
  ): Findings | Promise<Findings> => {
    if (!inline.has(payload.byteLength * formsOf(questions))) {
      return run({ questions, payload }, owner).catch((error: unknown) => ({
        cleaned: [],
        isUncleaned: true,
        notes: [`not cleaned: ${failureText(error)}`],
      }));
    }
    const examine =
      compiled.get(questions.id) ?? compileQuestions(questions, { limits: inlineLimits });
    compiled.set(questions.id, examine);
    return inline.spend(() => examine(payload));
  };

  return {
    examine: (questions, payload, owner) =>
      questions.schema === undefined
        ? examineUnchecked(questions, payload, owner)
        : check({ questions, payload }, owner),
    [Symbol.asyncDispose]: () => workers[Symbol.asyncDispose](),
  };
}

/** How often each text may be looked at: a value is scanned once, then matched by every form. */
function formsOf({ cleaners }: Questions): number {
  const forms = cleaners.map(({ kind }) => (kind.case === 'dates' ? kind.value.formats.length : 1));
  return Math.max(
    1,
    forms.reduce((sum, count) => sum + count, 0),
  );
}

/** Whether a thread was lost on it. */
function isCostly(error: unknown): boolean {
  return error instanceof JobError && error.fault !== 'stack';
}

function failureText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
