import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  type GroupEvent,
  GroupEventSchema,
  type GroupState,
  GroupStateSchema,
} from '@weir/sdk/gen/weir/events/v1/group_pb';

// What becomes of a group of workers: pure, so that it can be tested by itself. An event that was read is
// open (out, or waiting), dead, or done; a lease that is over is one that waits.

/** The most events of a group that are out or wait. */
export const OPEN_MAX = 1_000;
/** The most dead letters of a group. */
export const DEAD_MAX = 1_000;
/** What the events given out by one pull take; one may take more. */
export const GIVEN_MAX_BYTES = 1024 * 1024;

/** An event of the log, as a group may give it out. */
export interface Offer {
  readonly position: bigint;
  /** A hash of its key; 0: it has none. */
  readonly key: bigint;
  readonly bytes: number;
  /** False: it is not of the topics, or not for who pulls; for the group it is done. */
  readonly isWanted: boolean;
}

/** On what terms events are given out. */
export interface Terms {
  readonly nowMs: number;
  readonly leaseMs: number;
  readonly eventsMax: number;
  readonly attemptsMax: number;
}

/** What a group gives out, and what it is then. */
export interface Claimed {
  readonly state: GroupState;
  /** As they are now; in the order of the log. */
  readonly given: readonly GroupEvent[];
}

/** Makes a group that begins after a position. */
export function newGroup(begins: {
  readonly epoch: string;
  readonly topics: readonly string[];
  readonly place: bigint;
  readonly nowMs: number;
  /** The last lease of a group that had this name; none has the number of another. */
  readonly leases?: bigint;
}): GroupState {
  const { epoch, place, nowMs } = begins;
  return create(GroupStateSchema, {
    ...{ epoch, place, topics: [...begins.topics] },
    // What had this name before, and was forgotten, gave out fewer than one lease in a millisecond.
    leases: begins.leases ?? BigInt(Math.trunc(nowMs)),
    useTime: timestampFromMs(nowMs),
  });
}

/** Whether an event is with a worker. */
export function isOut({ held, untilMs }: GroupEvent, nowMs: number): boolean {
  return held && untilMs > nowMs;
}

function isTriedTooOften(event: GroupEvent, nowMs: number): boolean {
  return event.attempts > 0 && event.attempts >= event.maxAttempts && !isOut(event, nowMs);
}

/** Makes dead letters of what was tried too often; the longest dead are dropped where there are too many. */
export function bury(state: GroupState, nowMs: number): GroupState {
  const died = state.open.filter((event) => isTriedTooOften(event, nowMs));
  if (died.length === 0) return state;
  const all = [...state.dead, ...died];
  const dropped = Math.max(0, all.length - DEAD_MAX);
  return {
    ...state,
    open: state.open.filter((event) => !isTriedTooOften(event, nowMs)),
    dead: all.slice(dropped),
    dropped: state.dropped + BigInt(dropped),
  };
}

/** What waits and may be given out again, in the order of the log; at most so many. */
export function waiting(state: GroupState, nowMs: number, limit: number): GroupEvent[] {
  const busy = keysOut(state, nowMs);
  const found: GroupEvent[] = [];
  for (const event of state.open) {
    if (found.length === limit) break;
    const mayCome = mayBeGiven(event, busy, nowMs) && !isTriedTooOften(event, nowMs);
    if (mayCome) found.push(event);
    if (!isTriedTooOften(event, nowMs)) occupy(busy, event.key);
  }
  return found;
}

function mayBeGiven(event: GroupEvent, busy: ReadonlySet<bigint>, nowMs: number): boolean {
  return event.untilMs <= nowMs && !busy.has(event.key);
}

/** The keys of which an event is with a worker. */
function keysOut({ open }: GroupState, nowMs: number): Set<bigint> {
  const busy = new Set<bigint>();
  for (const event of open) if (isOut(event, nowMs)) occupy(busy, event.key);
  return busy;
}

function occupy(busy: Set<bigint>, key: bigint): void {
  if (key !== 0n) busy.add(key);
}

/**
 * Gives out what waits, then what comes next in the log. `next` follows the group's place without gaps.
 * What is not wanted is done.
 */
export function claim(
  before: GroupState,
  { again, next }: { readonly again: ReadonlyMap<bigint, Offer>; readonly next: readonly Offer[] },
  terms: Terms,
): Claimed {
  const { nowMs } = terms;
  const state = bury(before, nowMs);
  const busy = keysOut(state, nowMs);
  const giving = createGiving(state.leases, terms);
  const open: GroupEvent[] = [];
  for (const event of state.open) {
    const offer = again.get(event.position);
    const mayCome = offer !== undefined && mayBeGiven(event, busy, nowMs);
    if (mayCome && !offer.isWanted) continue;
    open.push(mayCome && giving.hasRoom(offer) ? giving.give(event, offer) : event);
    occupy(busy, event.key);
  }
  let { place } = state;
  for (const offer of next) {
    const { position, key, isWanted } = offer;
    if (isWanted) {
      const isFree = !busy.has(key);
      if (open.length >= OPEN_MAX || (isFree && !giving.hasRoom(offer))) break;
      const event = create(GroupEventSchema, { position, key });
      open.push(isFree ? giving.give(event, offer) : event);
      occupy(busy, key);
    }
    place = position;
  }
  return { state: { ...state, place, open, leases: giving.leases }, given: giving.given };
}

/**
 * Gives out dead letters. Undefined in `again`: the event is not kept any more, and the dead letter is
 * dropped.
 */
export function claimDead(
  before: GroupState,
  again: ReadonlyMap<bigint, Offer | undefined>,
  terms: Terms,
): Claimed {
  const state = bury(before, terms.nowMs);
  const giving = createGiving(state.leases, terms);
  let { dropped } = state;
  const dead = state.dead.flatMap((event) => {
    if (isOut(event, terms.nowMs) || !again.has(event.position)) return [event];
    const offer = again.get(event.position);
    if (!offer) dropped += 1n;
    if (!offer?.isWanted) return [];
    return [giving.hasRoom(offer) ? giving.give(event, offer) : event];
  });
  return { state: { ...state, dead, dropped, leases: giving.leases }, given: giving.given };
}

/** Gives out events up to what one pull may have. */
function createGiving(lastLease: bigint, { nowMs, leaseMs, eventsMax, attemptsMax }: Terms) {
  const given: GroupEvent[] = [];
  let bytes = 0;
  const giving = {
    ...{ given, leases: lastLease },
    hasRoom(offer: Offer): boolean {
      if (given.length === 0) return true;
      return given.length < eventsMax && bytes + offer.bytes <= GIVEN_MAX_BYTES;
    },
    give(event: GroupEvent, offer: Offer): GroupEvent {
      giving.leases += 1n;
      bytes += offer.bytes;
      const now = {
        ...event,
        ...{ attempts: event.attempts + 1, maxAttempts: attemptsMax, lease: giving.leases },
        ...{ held: true, untilMs: nowMs + leaseMs },
      };
      given.push(now);
      return now;
    },
  };
  return giving;
}

/** What a worker says of an event that it holds. */
export interface Said {
  readonly position: bigint;
  readonly lease: bigint;
  readonly what: 'done' | 'back' | 'longer' | 'untried';
  /** Back: until when it waits. Longer: until when the lease lasts. */
  readonly untilMs: number;
}

/**
 * Does what is said of events, in its order. `untried` gives back as if it had not been given out. Says
 * which were not held any more: their lease was another's, or something had been said of it.
 */
export function settle<One extends Said>(
  state: GroupState,
  said: readonly One[],
  nowMs: number,
): { readonly state: GroupState; readonly notHeld: readonly One[] } {
  const open = new Map(state.open.map((event) => [event.position, event]));
  const dead = new Map(state.dead.map((event) => [event.position, event]));
  const notHeld: One[] = [];
  for (const one of said) {
    const within = [open, dead].find((some) => isHeldBy(some.get(one.position), one));
    const event = within?.get(one.position);
    // Of what died of its lease, only that it is done still counts.
    const isLate = within === dead && one.what !== 'done' && event && !isOut(event, nowMs);
    if (!within || !event || isLate || isOvertaken(event, one, { open, nowMs })) {
      notHeld.push(one);
      continue;
    }
    const then = after(event, one, within === dead);
    const into = one.what === 'back' ? open : within;
    if (!then || into !== within) within.delete(one.position);
    if (then) into.set(then.position, then);
  }
  const inOrder = [...open.values()].sort((a, b) => (a.position < b.position ? -1 : 1));
  const settled = { ...state, open: inOrder, dead: [...dead.values()] };
  return { state: bury(settled, nowMs), notHeld };
}

/**
 * Whether a lease that is over is to go on, and another event of the key is with a worker meanwhile: an
 * earlier one, that was dead and begins anew.
 */
function isOvertaken(
  event: GroupEvent,
  { what }: Said,
  { open, nowMs }: { readonly open: ReadonlyMap<bigint, GroupEvent>; readonly nowMs: number },
): boolean {
  if (what !== 'longer' || event.key === 0n || isOut(event, nowMs)) return false;
  return [...open.values()].some(
    (other) => other !== event && other.key === event.key && isOut(other, nowMs),
  );
}

function isHeldBy(event: GroupEvent | undefined, { lease }: Said): boolean {
  return event?.held === true && event.lease === lease;
}

/** What is left of an event; nothing when it is done. */
function after(event: GroupEvent, { what, untilMs }: Said, wasDead: boolean) {
  switch (what) {
    case 'done':
      return undefined;
    case 'longer':
      return { ...event, untilMs };
    case 'back':
      return { ...event, held: false, untilMs, attempts: wasDead ? 0 : event.attempts };
    case 'untried':
      return { ...event, held: false, untilMs, attempts: event.attempts - 1 };
    default:
      return what satisfies never;
  }
}

/** When something that is out or waits for its time may be given out next; undefined: nothing is. */
export function nextDueMs({ open }: GroupState, nowMs: number): number | undefined {
  const due = open.filter(({ untilMs }) => untilMs > nowMs).map(({ untilMs }) => untilMs);
  return due.length > 0 ? due.reduce((least, one) => Math.min(least, one)) : undefined;
}

/** How many of a group's events died by a change of it. */
export function diedBetween(before: GroupState, after: GroupState): number {
  if (before.dead === after.dead) return 0;
  const dead = new Set(before.dead.map(({ position }) => position));
  return after.dead.filter(({ position }) => !dead.has(position)).length;
}
