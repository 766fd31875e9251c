import { TransientMap } from '@weir/kit';
import type { Stopped } from '../call.ts';

/** Work that all who want the same share. */
export interface SharedWork<T> {
  /** Whether somebody has begun it. */
  isUnderWay(name: number): boolean;
  /** Waits for the work of a name, or begins it; until the call that waits has stopped. */
  join(name: number, work: Work<T>, stopped: () => Promise<Stopped>): Promise<T | Stopped>;
}

/**
 * What is done. The signal comes when nobody waits any more: what has not begun ends with
 * "recalled"; what has may go on. Must not reject.
 */
export type Work<T> = (recall: AbortSignal) => Promise<T | 'recalled'>;

interface UnderWay<T> {
  readonly done: Promise<T | 'recalled'>;
  readonly recall: AbortController;
  waiting: number;
}

/** Makes room for work that is shared. */
export function createSharedWork<T>(): SharedWork<T> {
  const underWay = new TransientMap<number, UnderWay<T>>();
  const begin = (name: number, work: Work<T>): UnderWay<T> => {
    const recall = new AbortController();
    const done = work(recall.signal).finally(() => underWay.delete(name));
    const begun = { done, recall, waiting: 0 };
    underWay.set(name, begun);
    return begun;
  };
  return {
    isUnderWay: (name) => underWay.has(name),
    async join(name, work, stopped) {
      for (;;) {
        const one = underWay.get(name) ?? begin(name, work);
        one.waiting++;
        const result = await Promise.race([one.done, stopped()]);
        one.waiting--;
        if (one.waiting === 0) one.recall.abort();
        // Those before left just as this call came.
        if (result !== 'recalled') return result;
      }
    },
  };
}
