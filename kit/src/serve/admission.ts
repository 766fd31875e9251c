import type { ServeLimits } from './limits.ts';

/** How many calls begin in one turn of the event loop; others are read and written meanwhile. */
const callsPerTurn = 16;
/** How much work they may be before the next ones wait for another turn. */
const sliceMs = 2;
/** How long nothing must have been refused before an overload is said to be over. */
const calmAfterMs = 1000;
/** How often waiting calls are looked at while none can begin. */
const lookMs = 5;

/** A call that has arrived: its headers are there, its body is not read. */
export interface Arrival {
  /** Begins the work. */
  begin(): void;
  /** Tells the caller that there is no room. */
  refuse(): void;
  /** Whether the caller has left. */
  gone(): boolean;
}

/** Told of what happens to calls before they begin. */
export interface AdmissionObserver {
  /** A call begins, after a wait. */
  begun(waitedMs: number): void;
  /** A call is refused. */
  refused(): void;
  /** An overload begins, or has been over for a while. */
  overloaded(yes: boolean): void;
}

/** Decides when a call begins, and which calls are refused instead. */
export interface Admission {
  /** Begins the call now or soon, or refuses it. */
  arrive(arrival: Arrival): void;
  /** To be told when a call that was begun is over. */
  over(): void;
  /** Calls begun and not over. */
  readonly atWork: number;
  /** Calls that have arrived and neither begun nor been refused. */
  readonly waiting: number;
}

/** The times of admission. */
export interface AdmissionClock {
  /** What has passed. */
  nowMs(): number;
  /**
   * For how long this thread was at work. A thread that others keep from the processor is not
   * behind: it would refuse calls for nothing.
   */
  busyMs(): number;
}

const threadClock: AdmissionClock = {
  nowMs: () => performance.now(),
  busyMs() {
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1000;
  },
};

type Waiting = Arrival & { readonly sinceMs: number; readonly sinceBusyMs: number };

/**
 * Creates the admission of calls. A few calls begin in each turn of the event loop and the others
 * wait in the order in which they came, so that the work done while they wait is what the process
 * is behind by. When that is too much (CoDel: by the time in the queue, not its length), there is
 * an overload: the newest begin first, for their callers still wait, and whoever has waited too long
 * is refused, until the queue is empty.
 */
export function createAdmission(
  limits: Pick<
    ServeLimits,
    'callsAtWork' | 'burstCalls' | 'callsWaiting' | 'queueMs' | 'overloadedQueueMs'
  >,
  observer: AdmissionObserver,
  clock: AdmissionClock = threadClock,
): Admission {
  /** The oldest first. */
  const queue: Waiting[] = [];
  let atWork = 0;
  let begunInTurn = 0;
  let beganMs = 0;
  let turning = false;
  let overloaded = false;
  let told = false;
  let refusedAtMs = Number.NEGATIVE_INFINITY;

  const beginOverload = () => {
    overloaded = true;
    if (told) return;
    told = true;
    observer.overloaded(true);
    setTimeout(endOverload, calmAfterMs).unref();
  };
  const endOverload = () => {
    const leftMs = refusedAtMs + calmAfterMs - clock.nowMs();
    if (overloaded || leftMs > 0) {
      setTimeout(endOverload, Math.max(leftMs, lookMs)).unref();
    } else {
      told = false;
      observer.overloaded(false);
    }
  };
  const refuse = (arrival: Arrival) => {
    if (arrival.gone()) return;
    refusedAtMs = clock.nowMs();
    observer.refused();
    arrival.refuse();
  };
  const roomInTurn = () =>
    begunInTurn === 0 || (begunInTurn < callsPerTurn && clock.busyMs() - beganMs < sliceMs);
  const begin = (arrival: Arrival, waitedMs: number) => {
    atWork += 1;
    if (begunInTurn === 0) beganMs = clock.busyMs();
    begunInTurn += 1;
    observer.begun(waitedMs);
    arrival.begin();
  };
  const beginNext = () => {
    while (atWork < limits.callsAtWork && roomInTurn()) {
      const next = overloaded ? queue.pop() : queue.shift();
      if (next === undefined) return;
      if (!next.gone()) return begin(next, clock.nowMs() - next.sinceMs);
    }
  };
  const shed = () => {
    const now = clock.nowMs();
    const busy = clock.busyMs();
    const behindMs = () => busy - (queue[0]?.sinceBusyMs ?? busy);
    if (queue.length > limits.burstCalls && behindMs() > limits.queueMs) beginOverload();
    while (overloaded && behindMs() > limits.overloadedQueueMs) refuse(queue.shift() as Waiting);
    // A burst is let wait as long as it moves.
    const stuck = atWork >= limits.callsAtWork;
    const waitedMs = () => now - (queue[0]?.sinceMs ?? now);
    while (stuck && waitedMs() > limits.queueMs) refuse(queue.shift() as Waiting);
  };
  const turn = () => {
    begunInTurn = 0;
    turning = false;
    if (queue.length > 0) shed();
    if (queue.length > 0) nextTurn();
    else overloaded = false;
  };
  const nextTurn = () => {
    if (turning) return;
    turning = true;
    if (queue.length > 0 && atWork >= limits.callsAtWork) return void setTimeout(turn, lookMs);
    // Each in a callback of its own, after which what it has begun runs as far as it can.
    for (let i = Math.min(queue.length, callsPerTurn); i > 0; i--) setImmediate(beginNext);
    setImmediate(turn);
  };

  return {
    arrive(arrival) {
      if (queue.length >= limits.callsWaiting) return refuse(arrival);
      const room = queue.length === 0 && atWork < limits.callsAtWork && roomInTurn();
      if (room) begin(arrival, 0);
      else
        queue.push(Object.assign(arrival, { sinceMs: clock.nowMs(), sinceBusyMs: clock.busyMs() }));
      nextTurn();
    },
    over() {
      atWork -= 1;
    },
    get atWork() {
      return atWork;
    },
    get waiting() {
      return queue.length;
    },
  };
}
