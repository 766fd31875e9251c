import { type Clock, TransientSet } from '@weir/kit';

/** How much may be asked of a provider version at once. */
export interface GateLimits {
  readonly concurrentCalls: number;
  /** Undefined: any number. */
  readonly callsPerSecond: number | undefined;
}

/** The door to a provider version: so many calls at once, so many in a second. */
export interface Gate {
  /** Lets a call go, or has it wait for its turn. It settles early when the signal aborts. */
  enter(limits: GateLimits, signal: AbortSignal): Entrance | Promise<Entrance>;
  /** Lets a further call go if there is room at once. */
  tryEnter(limits: GateLimits): Leave | undefined;
  /** Lets a call that is inside be made once more, if the rate allows it. */
  tryAgain(limits: GateLimits): boolean;
}

/** A call is inside until it leaves; or it was sent away. */
export type Entrance =
  | { readonly leave: Leave; readonly waitedMs: number; readonly retryDelayMs?: never }
  | { readonly leave?: never; readonly retryDelayMs: number };

/** To be called once the call has ended; further calls of it do nothing. */
export type Leave = () => void;

/** How many calls wait at a provider version's door. */
export const QUEUE_MAX_CALLS = 64;
/** How long a call waits there. */
const QUEUE_MAX_MS = 250;
/** When to ask again of a provider that had no room. */
const BUSY_RETRY_MS = 500;
/** What may come at once of the calls of a second. */
const BURST_SHARE = 0.1;

interface Waiting {
  readonly limits: GateLimits;
  readonly go: () => void;
}

/** Makes a gate. The limits come with each call, since they may change while calls are inside. */
export function createGate(clock: Clock): Gate {
  let inside = 0;
  /** The time up to which the rate is used up: one call's share for each that went. */
  let paidUntilMs = Number.NEGATIVE_INFINITY;
  const queue = new TransientSet<Waiting>();
  let alarm: NodeJS.Timeout | undefined;

  /** How long the rate forbids another call, in milliseconds. */
  const rateWaitMs = ({ callsPerSecond }: GateLimits): number => {
    if (callsPerSecond === undefined) return 0;
    const shareMs = 1_000 / callsPerSecond;
    const burstMs = Math.max(shareMs, 1_000 * BURST_SHARE);
    return Math.max(0, paidUntilMs + shareMs - burstMs - clock.monotonicMs());
  };
  const pay = ({ callsPerSecond }: GateLimits) => {
    if (callsPerSecond === undefined) return;
    paidUntilMs = Math.max(paidUntilMs, clock.monotonicMs()) + 1_000 / callsPerSecond;
  };
  const hasRoom = (limits: GateLimits) =>
    inside < limits.concurrentCalls && rateWaitMs(limits) === 0;

  const go = (limits: GateLimits): Leave => {
    inside++;
    pay(limits);
    let left = false;
    return () => {
      if (left) return;
      left = true;
      inside--;
      admit();
    };
  };

  /** Lets those go who waited, in their order; wakes up again when the rate has room. */
  const admit = () => {
    clearTimeout(alarm);
    for (const waiting of queue) {
      if (inside >= waiting.limits.concurrentCalls) return;
      const waitMs = rateWaitMs(waiting.limits);
      if (waitMs > 0) {
        alarm = setTimeout(admit, Math.ceil(waitMs));
        return;
      }
      queue.delete(waiting);
      waiting.go();
    }
  };

  const wait = (limits: GateLimits, signal: AbortSignal): Promise<Entrance> =>
    new Promise((resolve) => {
      const startMs = clock.monotonicMs();
      const settle = (entrance: Entrance) => {
        clearTimeout(timer);
        signal.removeEventListener('abort', giveUp);
        queue.delete(waiting);
        resolve(entrance);
      };
      const giveUp = () => settle({ retryDelayMs: retryDelayMs(limits) });
      const waiting: Waiting = {
        limits,
        go: () => settle({ leave: go(limits), waitedMs: clock.monotonicMs() - startMs }),
      };
      const timer = setTimeout(giveUp, QUEUE_MAX_MS);
      signal.addEventListener('abort', giveUp, { once: true });
      queue.add(waiting);
      admit();
    });
  const retryDelayMs = (limits: GateLimits) =>
    Math.max(BUSY_RETRY_MS, Math.ceil(rateWaitMs(limits)));

  return {
    enter(limits, signal) {
      if (queue.size === 0 && hasRoom(limits)) return { leave: go(limits), waitedMs: 0 };
      const hopeless = rateWaitMs(limits) > QUEUE_MAX_MS || signal.aborted;
      if (queue.size >= QUEUE_MAX_CALLS || hopeless) return { retryDelayMs: retryDelayMs(limits) };
      return wait(limits, signal);
    },
    tryEnter: (limits) => (queue.size === 0 && hasRoom(limits) ? go(limits) : undefined),
    tryAgain(limits) {
      if (rateWaitMs(limits) > 0) return false;
      pay(limits);
      return true;
    },
  };
}
