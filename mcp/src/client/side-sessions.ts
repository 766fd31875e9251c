import { Code, type InputKind, ProviderError } from '@weir/sdk/provider';
import type { CallSession } from './calls.ts';

/** Sessions of which each has one call at a time, so that it is known who is asked. */
export interface SideSessions extends AsyncDisposable {
  /** One whose server was told just what can be asked: it asks for nothing else. */
  acquire(canAsk: readonly InputKind[], signal: AbortSignal): Promise<CallSession>;
}

type Opened = Omit<CallSession, 'release'>;

interface Side extends Opened {
  /** What can be asked, as one text. */
  readonly asks: string;
}

const httpSessionsMax = 16;
/** Each is a process. */
const stdioSessionsMax = 4;
const idleMs = 60_000;
/** Calls that wait for a session, and how long. */
const waitingMax = 64;
const waitMs = 10_000;

/** Opens sessions as they are needed, and closes those that are not. */
export function createSideSessions(
  transport: 'http' | 'stdio',
  open: (canAsk: readonly InputKind[]) => Promise<Opened>,
): SideSessions {
  const idle = new Map<Side, NodeJS.Timeout>();
  const all = new Set<Side>();
  const waiting = new Set<() => void>();
  const max = transport === 'http' ? httpSessionsMax : stdioSessionsMax;
  let opening = 0;

  function drop(one: Side): void {
    clearTimeout(idle.get(one));
    idle.delete(one);
    if (all.delete(one)) void one.session[Symbol.asyncDispose]();
    wakeOne();
  }

  function wakeOne(): void {
    const [first] = waiting;
    first?.();
  }

  function lend(one: Side): CallSession {
    return {
      ...one,
      release() {
        if (!all.has(one) || one.session.isClosed()) return drop(one);
        idle.set(one, setTimeout(drop, idleMs, one).unref());
        wakeOne();
      },
    };
  }

  /** An idle one that fits; undefined: none, or another has made room for one that does. */
  function takeIdle(asks: string): Side | undefined {
    const free = [...idle.keys()].find((one) => one.asks === asks);
    if (free) {
      clearTimeout(idle.get(free));
      idle.delete(free);
      return free;
    }
    const [unfit] = idle.keys();
    if (unfit && isFull()) drop(unfit);
    return undefined;
  }

  function isFull(): boolean {
    return all.size + opening >= max;
  }

  /** Waits for its turn. Throws RESOURCE_EXHAUSTED. */
  async function turn(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const late = AbortSignal.any([signal, AbortSignal.timeout(waitMs)]);
    if (waiting.size >= waitingMax || late.aborted) throw tooMany(max);
    waiting.add(resolve);
    late.addEventListener('abort', () => resolve(), { once: true });
    await promise;
    waiting.delete(resolve);
    if (late.aborted) throw tooMany(max);
  }

  return {
    async acquire(canAsk, signal) {
      const asks = [...canAsk].sort().join();
      for (;;) {
        const free = takeIdle(asks);
        if (free) return lend(free);
        if (!isFull()) break;
        await turn(signal);
      }
      opening += 1;
      try {
        const one = { ...(await open(canAsk)), asks };
        all.add(one);
        void one.session.closed.then(() => drop(one));
        return lend(one);
      } finally {
        opening -= 1;
        // Where it could not be opened, there is room.
        wakeOne();
      }
    },
    async [Symbol.asyncDispose]() {
      for (const timer of idle.values()) clearTimeout(timer);
      idle.clear();
      const sessions = [...all];
      all.clear();
      await Promise.all(sessions.map(({ session }) => session[Symbol.asyncDispose]()));
    },
  };
}

function tooMany(max: number): ProviderError {
  const text = `${max} calls that may ask are under way at this upstream`;
  return new ProviderError(Code.ResourceExhausted, text, { retryDelayMs: 2_000 });
}
