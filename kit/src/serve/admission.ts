import { TransientSet } from '../transient.ts';
import { CallCost } from './call-cost.ts';
import type { ServeLimits } from './limits.ts';

/** How many calls begin in one turn of the event loop; others are read and written meanwhile. */
const callsPerTurn = 16;
/** How much work they may be before the next ones wait for another turn. */
const sliceMs = 2;
/** How much the last turn counts in what a call costs. */
const costShare = 0.2;
/** Bodies that take longer are not waited for: their callers are slow, or away. */
const readingMs = 10;
/** For how long there must have been no more than a burst before an overload is said to be over. */
const calmAfterMs = 1000;
/**
 * How many times too much what waits must be, as work, for that to be an overload at once; and for how
 * many times too long the process must be behind when the queue has not become shorter since.
 */
const farBehind = 5;
/** After which time without more than a burst those who come first begin first again, also in an overload. */
const uncrowdedAfterMs = 50;
/** How often waiting calls are looked at while none can begin. */
const lookMs = 5;

/** A message of so many bytes is a large batch, or a document: its call is dear. */
export const DEAR_BYTES = 32 * 1024;

/** A call that has arrived: its headers are there, its body is not read. */
export interface Arrival {
  /** Begins the work; to be told once when the body has been read and its work is done or waits. */
  begin(read: () => void): void;
  /** Tells the caller that there is no room. */
  refuse(): void;
  /** Whether the caller has left. */
  gone(): boolean;
  /** Whether the call costs far more than others do: in an overload such calls begin last. */
  readonly dear?: boolean;
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

/** Takes the newest call that is not dear; when all are, the newest. */
function takeNewest(queue: Waiting[]): Waiting | undefined {
  const at = queue.findLastIndex(({ dear }) => dear !== true);
  return at < 0 ? queue.pop() : queue.splice(at, 1)[0];
}

type Waiting = Arrival & { readonly sinceMs: number; readonly sinceBusyMs: number };

/**
 * Creates the admission of calls. A few calls begin in each turn of the event loop and the others
 * wait in the order in which they came, so that the work done while they wait is what the process
 * is behind by. When that is too much (CoDel: by the time in the queue, not its length) and the queue
 * does not shrink, or is far more work than could be done soon, there is an overload: the newest begin
 * first, for their callers still wait, dear ones after all others, and whoever has waited too long is
 * refused, until for a while no more came at once than a burst. So what costs most is shed first.
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
  const cost = new CallCost(clock, sliceMs / callsPerTurn);
  /** Since when the process is behind by too much, and how many waited at least since. */
  let behindSince: { readonly atMs: number; readonly waiting: number } | undefined;
  /** Those refused lately: for as long as they would have been let wait, they count as waiting. */
  let refusedLately = { sinceMs: 0, calls: 0 };
  /** The most that waited, or would have, since this was looked at last. */
  let mostWaiting = 0;
  /** When they were more than a burst, in an overload. */
  let crowdedMs = 0;

  const beginOverload = () => {
    overloaded = true;
    crowdedMs = clock.nowMs();
    mostWaiting = queue.length;
    observer.overloaded(true);
    setTimeout(endOverload, calmAfterMs).unref();
  };
  /**
   * An empty queue is no end of it: refusals made it so. Nor is a refusal a sign of it: a few callers
   * who ask again at once would be refused for ever.
   */
  const endOverload = () => {
    const isCalm = mostWaiting <= limits.burstCalls;
    mostWaiting = queue.length;
    if (!isCalm) {
      setTimeout(endOverload, calmAfterMs).unref();
    } else {
      overloaded = false;
      cost.beginAnew();
      observer.overloaded(false);
    }
  };
  const countWaiting = (refused: number) => {
    const nowMs = clock.nowMs();
    if (nowMs - refusedLately.sinceMs > limits.overloadedQueueMs) {
      refusedLately = { sinceMs: nowMs, calls: 0 };
    }
    refusedLately.calls += refused;
    const waiting = queue.length + refusedLately.calls;
    mostWaiting = Math.max(mostWaiting, waiting);
    if (waiting > limits.burstCalls) crowdedMs = nowMs;
  };
  const refuse = (arrival: Arrival) => {
    if (arrival.gone()) return;
    countWaiting(1);
    observer.refused();
    arrival.refuse();
  };
  /**
   * Calls that have begun and whose bodies are not read yet, the oldest first. Their work comes
   * after that: more of them than a slice holds would be a second queue, in which nobody is refused.
   */
  const reading = new TransientSet<{ readonly sinceMs: number }>();
  let readingMax = callsPerTurn;
  /** Those whose bodies were read in this turn of the event loop. */
  let read: { readonly sinceMs: number }[] = [];
  const forgetRead = () => {
    for (const body of read) reading.delete(body);
    read = [];
    if (!looking) return;
    clearTimeout(looking);
    turn();
  };
  const readingFull = () => {
    if (reading.size < readingMax) return false;
    for (const body of reading) {
      if (clock.nowMs() - body.sinceMs < readingMs) break;
      reading.delete(body);
    }
    return reading.size >= readingMax;
  };
  let costMs = sliceMs / callsPerTurn;
  let costed: { readonly busyMs: number; over: number } | undefined;
  /**
   * Learns soon what a call costs, from turns in which others wait: refusals are part of it, collections
   * are not. What it costs on the whole is learnt apart.
   */
  const learnCost = () => {
    const busyMs = clock.busyMs();
    // The system tells it in steps: what has taken none of them is not over.
    if (costed && costed.busyMs === busyMs) return;
    if (costed && costed.over > 0) {
      // What a collection took in between is no cost of calls: no turn says more than twice what is known.
      const lately = Math.min((busyMs - costed.busyMs) / costed.over, 2 * costMs);
      costMs += costShare * (lately - costMs);
      const fit = Math.round(sliceMs / Math.max(costMs, sliceMs / callsPerTurn));
      readingMax = Math.max(1, fit);
    }
    if (!costed || costed.over > 0) costed = { busyMs, over: 0 };
  };
  /** What those that wait are as work. */
  const waitingMs = () => queue.length * cost.ms;
  const isBusy = () => overloaded || queue.length > limits.burstCalls;
  const mayBegin = () => atWork < limits.callsAtWork && !(isBusy() && readingFull());
  const roomInTurn = () =>
    begunInTurn === 0 || (begunInTurn < callsPerTurn && clock.nowMs() - beganMs < sliceMs);
  const begin = (arrival: Arrival, waitedMs: number) => {
    atWork += 1;
    const nowMs = clock.nowMs();
    if (begunInTurn === 0) beganMs = nowMs;
    begunInTurn += 1;
    observer.begun(waitedMs);
    const body = { sinceMs: nowMs };
    reading.add(body);
    arrival.begin(() => {
      // After what follows the last byte: it is read, answered or waited for.
      if (read.length === 0) setImmediate(forgetRead);
      read.push(body);
    });
  };
  const isCrowded = () => overloaded && clock.nowMs() - crowdedMs < uncrowdedAfterMs;
  const beginNext = () => {
    while (mayBegin() && roomInTurn()) {
      const next = isCrowded() ? takeNewest(queue) : queue.shift();
      if (next === undefined) return;
      if (!next.gone()) return begin(next, clock.nowMs() - next.sinceMs);
    }
  };
  /**
   * After a pause of the process, as collections make, there is much to do, which becomes less by itself:
   * it is given time, unless it is more than could be done soon.
   */
  const learnTrend = (nowMs: number) => {
    const waiting = queue.length;
    if (!behindSince || waiting < behindSince.waiting) behindSince = { atMs: nowMs, waiting };
    const isLong = nowMs - behindSince.atMs > limits.queueMs * farBehind;
    if (isLong || waitingMs() > limits.queueMs * farBehind) beginOverload();
  };
  const shed = () => {
    const now = clock.nowMs();
    const busy = clock.busyMs();
    const behindMs = () => busy - (queue[0]?.sinceBusyMs ?? busy);
    if (overloaded) countWaiting(0);
    if (queue.length <= limits.burstCalls || behindMs() <= limits.queueMs) behindSince = undefined;
    else if (!overloaded) learnTrend(now);
    // A burst would be over soon.
    const isShed = () =>
      behindMs() > limits.queueMs ||
      (behindMs() > limits.overloadedQueueMs && queue.length > limits.burstCalls);
    while (overloaded && isShed()) refuse(queue.shift() as Waiting);
    // A burst is let wait as long as it moves.
    const stuck = atWork >= limits.callsAtWork;
    const waitedMs = () => now - (queue[0]?.sinceMs ?? now);
    while (stuck && waitedMs() > limits.queueMs) refuse(queue.shift() as Waiting);
  };
  let looking: NodeJS.Timeout | undefined;
  const turn = () => {
    looking = undefined;
    begunInTurn = 0;
    turning = false;
    if (queue.length > 0) {
      learnCost();
      shed();
    }
    if (queue.length > 0) return nextTurn();
    costed = undefined;
    behindSince = undefined;
  };
  const nextTurn = () => {
    if (turning) return;
    turning = true;
    if (queue.length > 0 && !mayBegin()) {
      looking = setTimeout(turn, lookMs);
      return;
    }
    // Each in a callback of its own, after which what it has begun runs as far as it can.
    for (let i = Math.min(queue.length, callsPerTurn); i > 0; i--) setImmediate(beginNext);
    setImmediate(turn);
  };

  return {
    arrive(arrival) {
      if (queue.length >= limits.callsWaiting) return refuse(arrival);
      const room = queue.length === 0 && mayBegin() && roomInTurn();
      if (room) begin(arrival, 0);
      else
        queue.push(Object.assign(arrival, { sinceMs: clock.nowMs(), sinceBusyMs: clock.busyMs() }));
      nextTurn();
    },
    over() {
      atWork -= 1;
      if (costed) costed.over += 1;
      if (!overloaded) cost.over();
    },
    get atWork() {
      return atWork;
    },
    get waiting() {
      return queue.length;
    },
  };
}
