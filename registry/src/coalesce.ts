/**
 * Runs a task one at a time. A call during a run may want what that run has passed already, so
 * one more run follows it, for all who called meanwhile.
 */
export function inLine(task: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  let again = false;
  return () => {
    if (running) again = true;
    running ??= (async () => {
      try {
        do {
          again = false;
          await task();
        } while (again);
      } finally {
        // At once: whoever calls after the last look must begin another run.
        running = undefined;
      }
    })();
    return running;
  };
}

/** Gives all who call during a run its one result. */
export function shared<T>(task: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined;
  return () => {
    running ??= task().finally(() => {
      running = undefined;
    });
    return running;
  };
}

/** Those who wait for something to happen. */
export interface Waiters {
  /** Waits until woken, the time is over, or the signal. */
  wait(timeoutMs: number, signal: AbortSignal): Promise<void>;
  wakeAll(): void;
}

/** Creates a place to wait at. */
export function createWaiters(): Waiters {
  const waiting = new Set<() => void>();
  return {
    wakeAll() {
      for (const wake of waiting) wake();
    },
    async wait(timeoutMs, signal) {
      if (signal.aborted) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      const late = setTimeout(resolve, timeoutMs);
      const aborted = () => resolve();
      signal.addEventListener('abort', aborted);
      waiting.add(resolve);
      await promise;
      clearTimeout(late);
      signal.removeEventListener('abort', aborted);
      waiting.delete(resolve);
    },
  };
}

/** Those who wait for something to happen to things that have names. */
export interface NamedWaiters {
  /** Waits until the name or all are woken, the time is over, or the signal. */
  wait(name: string, timeoutMs: number, signal: AbortSignal): Promise<void>;
  wake(name: string): void;
  wakeAll(): void;
}

/** Creates a place to wait at for each name. */
export function createNamedWaiters(): NamedWaiters {
  const places = new Map<string, { readonly waiters: Waiters; waiting: number }>();
  return {
    wake: (name) => places.get(name)?.waiters.wakeAll(),
    wakeAll() {
      for (const { waiters } of places.values()) waiters.wakeAll();
    },
    async wait(name, timeoutMs, signal) {
      const place = places.get(name) ?? { waiters: createWaiters(), waiting: 0 };
      places.set(name, place);
      place.waiting += 1;
      await place.waiters.wait(timeoutMs, signal);
      place.waiting -= 1;
      if (place.waiting === 0) places.delete(name);
    },
  };
}
