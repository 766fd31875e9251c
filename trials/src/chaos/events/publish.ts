import { setTimeout as sleep } from 'node:timers/promises';
import type { NewEvent, Weir } from '@weir/sdk';
import type { Random } from '../random.ts';
import type { Refused } from '../record.ts';
import { refusedCall } from '../refused.ts';

/** What one publisher did. */
export interface PublishLog {
  /** The numbers of the events that were acknowledged. */
  readonly acknowledged: number[];
  /** Attempts that failed; each was made again under the same idempotency key. */
  readonly failed: Refused[];
}

/** What one publisher has to do. */
export interface PublishTask {
  readonly topic: string;
  /** Of the events, in their order. */
  readonly numbers: readonly number[];
  /** When an event is to be published, by `performance.now()`. */
  readonly dueMs: (number: number) => number;
  readonly random: Random;
  /** The most events that are published together. Default: 8. */
  readonly batchMax?: number;
  /** Told of each publish that was acknowledged. */
  readonly onDone?: () => void;
  /** Ends it early. */
  readonly signal: AbortSignal;
}

const BATCH_MAX = 8;
const KEYS = 40;
const TIMEOUT_MS = 5_000;
const PAUSE_MS = 50;

/** The key of an event: keys belong to one publisher, as long as their number is a multiple of theirs. */
export function keyOf(number: number): string {
  return `k${number % KEYS}`;
}

/** Publishes numbered events, alone or some together; each until it is acknowledged. */
export async function publishAll(weir: Weir, task: PublishTask): Promise<PublishLog> {
  const log: PublishLog = { acknowledged: [], failed: [] };
  const { numbers, random, signal, batchMax = BATCH_MAX } = task;
  for (let at = 0; at < numbers.length && !signal.aborted; ) {
    const batch = numbers.slice(at, at + 1 + Math.floor(random.next() * batchMax));
    const last = batch.at(-1) as number;
    await sleep(Math.max(0, task.dueMs(last) - performance.now()), undefined, { signal }).catch(
      () => {},
    );
    if (await publishUntilDone(weir, task, { batch, log })) {
      log.acknowledged.push(...batch);
      task.onDone?.();
    }
    at += batch.length;
  }
  return log;
}

async function publishUntilDone(
  weir: Weir,
  { topic, signal }: PublishTask,
  { batch, log }: { readonly batch: readonly number[]; readonly log: PublishLog },
): Promise<boolean> {
  const events = batch.map(
    (number): NewEvent => ({ topic, key: keyOf(number), id: `${number}`, data: { number } }),
  );
  const options = { idempotencyKey: `${topic} ${batch[0]}`, timeoutMs: TIMEOUT_MS, signal };
  while (!signal.aborted) {
    try {
      await weir.publish(events, options);
      return true;
    } catch (error) {
      if (signal.aborted) break;
      log.failed.push(refusedCall(error));
      await sleep(PAUSE_MS);
    }
  }
  return false;
}
