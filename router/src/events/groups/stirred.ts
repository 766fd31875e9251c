import type { Tail } from '../tails.ts';
import type { GroupName, Groups } from './groups.ts';

/** Whether something happened for which a worker looks again. */
export interface Stirred extends Disposable {
  /** Begins to note what happens from now on. */
  calm(): void;
  /** Resolves when something happened since it was calm, the time is over, or at the signal. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
}

/** Notes what comes into a log, and what this router does with a group. */
export function createStirred(tail: Tail, groups: Groups, name: GroupName): Stirred {
  let isStirred = false;
  let wake = () => {};
  const stir = () => {
    isStirred = true;
    wake();
  };
  const listening = [tail.onMore(stir), groups.onChange(name, stir)];
  return {
    calm() {
      isStirred = false;
    },
    async wait(ms, signal) {
      if (isStirred || signal.aborted) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      wake = () => resolve();
      const late = setTimeout(wake, ms);
      signal.addEventListener('abort', wake);
      await promise;
      clearTimeout(late);
      signal.removeEventListener('abort', wake);
    },
    [Symbol.dispose]() {
      for (const one of listening) one[Symbol.dispose]();
    },
  };
}
