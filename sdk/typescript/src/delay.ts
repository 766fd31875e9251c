/** Waits, and rejects with the signal's reason as soon as it is aborted. */
export function delay(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    if (signal?.aborted) onAbort();
    else signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** The bounds of a backoff, in milliseconds. */
export interface Backoff {
  /** The greatest wait before the first retry. */
  readonly firstMs: number;
  /** The greatest wait before any retry. */
  readonly maxMs: number;
}

/**
 * The wait before retry `attempt` (from 0): exponential, with jitter over its upper half, so that
 * clients that failed together do not come back together.
 */
export function backoffMs({ firstMs, maxMs }: Backoff, attempt: number): number {
  const ceiling = Math.min(maxMs, firstMs * 2 ** attempt);
  return ceiling * (0.5 + Math.random() / 2);
}
