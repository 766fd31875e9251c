import { JobError, type Logger, openWorkers, refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { createRoom } from '../room.ts';
import type { RedactedItem } from './redact-item.ts';
import type { RedactJob } from './redact-job.ts';

/** Threads that redact, and are ended when it takes too long. */
export interface RedactionThreads extends AsyncDisposable {
  /** Takes room for a value of a tenant until it is disposed of. Throws OVERLOADED. */
  hold(tenant: string, bytes: number): Disposable;
  /**
   * Redacts an item of a tenant. `stopped`: it took too much time or memory. Throws OVERLOADED,
   * and the reason of `recall` when that comes before it has begun.
   */
  redact(job: RedactJob, tenant: string, recall: AbortSignal): Promise<RedactedItem | 'stopped'>;
}

/** What threads are opened with. */
export interface RedactionThreadsOptions {
  readonly log: Logger;
  /** How long one item may take. Default: 5 s. */
  readonly timeoutMs?: number | undefined;
}

const THREADS = 2;
/** Items that wait for a thread, half of them of one tenant; more are refused. */
const QUEUE_MAX = 4_096;
/** What items that are redacted, or wait for it, may hold together; half of it of one tenant. */
const WAITING_MAX_BYTES = 128 * 1024 * 1024;
const TIMEOUT_MS = 5_000;
const HEAP_MAX_MB = 384;
const RETRY_MS = 1_000;

/** Opens the threads; they start with the first item. */
export function openRedactionThreads({
  log,
  timeoutMs = TIMEOUT_MS,
}: RedactionThreadsOptions): RedactionThreads {
  const workers = openWorkers({
    entry: new URL('./redact-job.ts', import.meta.url),
    threads: THREADS,
    queueMax: QUEUE_MAX,
    timeoutMs,
    heapMaxMb: HEAP_MAX_MB,
    log,
  });
  const room = createRoom(WAITING_MAX_BYTES);
  return {
    hold(tenant, bytes) {
      if (!room.take(tenant, bytes)) throw full();
      return { [Symbol.dispose]: () => room.give(tenant, bytes) };
    },
    async redact(job, tenant, recall) {
      try {
        return await workers.run<RedactedItem>(job, { lane: tenant, recall });
      } catch (error) {
        if (!(error instanceof JobError)) throw error;
        const { fault } = error;
        log.warn({ fault, tenant }, 'an item could not be redacted, and is refused');
        return 'stopped';
      }
    },
    [Symbol.asyncDispose]: () => workers[Symbol.asyncDispose](),
  };
}

function full() {
  const text = 'as many values wait to be redacted as this router takes; try again later';
  return refuse(Reason.OVERLOADED, text, { retryDelayMs: RETRY_MS });
}
