import { refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';

/** How many calls to one group wait for their turn in a process. */
export const TURNS_MAX = 256;

const RETRY_MS = 500;

/** Lets callers of one name have their turn one after the other. */
export interface Turns {
  /**
   * Does something when its turn has come. Throws OVERLOADED when too many wait, and the reason of the
   * signal when that is given before.
   */
  take<T>(name: string, signal: AbortSignal, work: () => Promise<T>): Promise<T>;
}

/** Makes turns: each name has its own line. */
export function createTurns(): Turns {
  const lines = new Map<string, { last: Promise<void>; waiting: number }>();
  return {
    async take(name, signal, work) {
      const line = lines.get(name) ?? { last: Promise.resolve(), waiting: 0 };
      if (line.waiting >= TURNS_MAX) throw tooMany();
      lines.set(name, line);
      line.waiting += 1;
      const before = line.last;
      const { promise, resolve } = Promise.withResolvers<void>();
      // Who leaves the line lets the next one follow whoever was before.
      line.last = before.then(() => promise);
      try {
        await orAborted(before, signal);
        return await work();
      } finally {
        resolve();
        line.waiting -= 1;
        if (line.waiting === 0) lines.delete(name);
      }
    },
  };
}

async function orAborted(turn: Promise<void>, signal: AbortSignal): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  signal.addEventListener('abort', abort);
  if (signal.aborted) abort();
  try {
    await Promise.race([turn, promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

function tooMany() {
  const text = `${TURNS_MAX} calls to this group wait already; call again soon`;
  return refuse(Reason.OVERLOADED, text, { retryDelayMs: RETRY_MS });
}
