import { type Logger, refuse, type WeirError } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { ReplyError } from 'ioredis';
import { notKnown, unreachable } from '../event-log.ts';
import type { LogObserver } from './observe.ts';

const notCommitted = 'these were not committed; publish them again';
const RETRY_MS = 1_000;

/** What can be done with a log, or not. */
type Way = 'written' | 'read';

/** Tells the operator of what goes wrong, once until it goes well again. */
export interface Health {
  well(way: Way): void;
  failed(way: Way, error: unknown): void;
}

/** Watches how Redis does. */
export function createHealth(log: Logger, observer?: LogObserver): Health {
  const failing = new Set<Way>();
  return {
    well(way) {
      if (failing.delete(way)) log.info(`the log of events in Redis can be ${way} again`);
      if (failing.size === 0) observer?.up();
    },
    failed(way, error) {
      const { message } = error as Error;
      const isNew = !failing.has(way);
      failing.add(way);
      observer?.failed();
      if (isNew) log.warn({ err: message }, `the log of events in Redis cannot be ${way}`);
    },
  };
}

/** What is thrown when events could not be committed. Redis refuses before it has written anything. */
export function appendFault(error: unknown, wasSent: boolean): WeirError {
  if (error instanceof ReplyError) return takesNothing(error as Error);
  return unreachable(wasSent ? notKnown : notCommitted, error);
}

function takesNothing(cause: Error): WeirError {
  const text = `the log of events takes nothing now: ${notCommitted}`;
  return refuse(Reason.EVENTS_UNAVAILABLE, text, { retryDelayMs: RETRY_MS, cause });
}

/** Thrown where events would be taken that a crash of Redis could lose, and may not be. */
export function notDurable(): WeirError {
  const text = `the log of events does not write to its disk before it acknowledges: ${notCommitted} when its operator has set it so`;
  return refuse(Reason.EVENTS_UNAVAILABLE, text, { retryDelayMs: RETRY_MS });
}

/** Resolves or rejects as the promise does, unless the signal is given before: then with its reason. */
export async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
