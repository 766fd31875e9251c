import { setTimeout as sleep } from 'node:timers/promises';
import { type Logger, reasonName, reasonOf } from '@weir/kit';

/** The first pause after a failure, in ms; each that follows is twice as long. */
export const FIRST_BACKOFF_MS = 100;
/** The longest pause after a failure, in ms. */
export const MAX_BACKOFF_MS = 5_000;

/** What is done until it is done. */
export interface Persisted {
  /** For the log, after "cannot". */
  readonly what: string;
  readonly chain: string;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** Does something until it is done, with pauses. Throws when the signal ends it. */
export async function persist<T>(
  work: () => Promise<T>,
  { what, chain, log, signal }: Persisted,
): Promise<T> {
  for (let backoffMs = FIRST_BACKOFF_MS; ; backoffMs = Math.min(backoffMs * 2, MAX_BACKOFF_MS)) {
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      const level = backoffMs === FIRST_BACKOFF_MS ? 'warn' : 'debug';
      log[level]({ chain, why: whyOf(error) }, `the registry is away: cannot ${what}`);
      await pause(backoffMs * (0.5 + Math.random() / 2), signal);
      signal.throwIfAborted();
    }
  }
}

/** What went wrong, in a few words. */
export function whyOf(error: unknown): string {
  const reason = reasonOf(error);
  if (reason !== undefined) return reasonName(reason);
  return error instanceof Error ? error.message : String(error);
}

/** Waits, unless the signal says not to. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal, ref: false }).catch(() => {});
}
