import { timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import { reasonOf, refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { GroupEvent, GroupState } from '@weir/sdk/gen/weir/events/v1/group_pb';
import type { Allowed, DeliverTo, Wants } from '../deliver.ts';
import type { EventDeps } from '../events.ts';
import { parseTopics } from '../topics.ts';
import {
  bury,
  claim,
  claimDead,
  diedBetween,
  isOut,
  newGroup,
  nextDueMs,
  OPEN_MAX,
  waiting,
} from './group.ts';
import { createOffers, type Offers } from './offers.ts';
import type { PullAsked } from './parse-pull.ts';

/** How far a group's place may lag behind what was passed by, in events. */
const PLACE_STEP = 64n;
/** How often it is noted that a group is used; it is forgotten after 30 days. */
const TOUCH_MS = 3_600_000;

/** What one look for events came to. */
export interface Round {
  readonly state: GroupState;
  /** With what each is, in the order of the log. */
  readonly given: readonly { readonly event: GroupEvent; readonly allowed: Allowed }[];
  readonly begun: boolean;
  /** How many died. */
  readonly died: number;
  /** Whether there was no more to look at. */
  readonly isAtEnd: boolean;
  /** When to look again at the latest; undefined: when something comes. */
  readonly dueMs: number | undefined;
}

/** Looks once for events for a worker, and gives them out; the first look makes the group. */
export function pullOnce(deps: EventDeps, asked: PullAsked, to: DeliverTo): Promise<Round> {
  const { tenant, principal } = to.caller;
  const move = async (kept: GroupState | undefined) => {
    const begun = !kept || asked.reset;
    const before = begun ? await begin(deps, asked, kept, to) : resume(kept, asked, to);
    const round = await look(deps, asked, { before, to });
    if (to.tail.epoch !== before.epoch) throw tooOld(asked.group);
    const state =
      begun || isWorthKeeping(before, round, deps) ? used(round.state, deps) : undefined;
    return { state, result: { ...round, begun } };
  };
  return deps.groups.change({ tenant, principal, group: asked.group }, move, to.signal);
}

async function begin(
  { eventLog, clock }: EventDeps,
  { group, topics: given, isEarliest, dead }: PullAsked,
  kept: GroupState | undefined,
  { caller, tail, signal }: DeliverTo,
): Promise<GroupState> {
  if (dead) {
    throw refuse(
      Reason.NOT_FOUND,
      `there is no group ${group} of yours; pull events from it first`,
    );
  }
  const topics = given.length > 0 ? given : (kept?.topics ?? []);
  parseTopics(topics);
  const { first } = isEarliest ? await eventLog.state(caller.tenant, signal) : { first: 0n };
  return newGroup({
    ...{ epoch: tail.epoch, topics, nowMs: clock.wallMs() },
    place: isEarliest ? first - 1n : tail.head,
    ...(kept && { leases: kept.leases }),
  });
}

function resume(kept: GroupState, { group, topics }: PullAsked, { tail }: DeliverTo): GroupState {
  if (!tail.goesOnFrom({ epoch: kept.epoch, position: kept.place })) throw tooOld(group);
  const isOther = topics.length > 0 && topics.join(' ') !== kept.topics.join(' ');
  if (!isOther) return { ...kept, epoch: tail.epoch };
  const text = `the group ${group} is for the topics ${kept.topics.join(' ')}; give those or none, choose another name, or set reset to make it anew`;
  throw refuse(Reason.ALREADY_EXISTS, `topics: ${text}`, {
    violations: [{ field: 'topics', description: text }],
  });
}

async function look(
  deps: EventDeps,
  asked: PullAsked,
  { before, to }: { readonly before: GroupState; readonly to: DeliverTo },
): Promise<Round> {
  const nowMs = deps.clock.wallMs();
  const { fetch, purpose, eventsMax, leaseMs, attemptsMax } = asked;
  const wants: Wants = { topics: parseTopics(before.topics), fetch, purpose, latestOnly: false };
  const offers = createOffers(deps, wants, to);
  const terms = { nowMs, leaseMs, eventsMax, attemptsMax };
  const taken = asked.dead
    ? await takeDead(before, offers, terms)
    : await take(before, offers, { ...terms, group: asked.group });
  const { state, given } = taken;
  return {
    state,
    given: given.map((event) => ({ event, allowed: allowedOf(offers, event) })),
    begun: false,
    died: diedBetween(before, state),
    isAtEnd: asked.dead ? !taken.wasRead : state.place >= to.tail.head || !taken.wasRead,
    dueMs: nextDueMs(state, nowMs),
  };
}

type Terms = Parameters<typeof claim>[2];

async function take(
  state: GroupState,
  offers: Offers,
  { group, ...terms }: Terms & { readonly group: string },
) {
  const { nowMs, eventsMax } = terms;
  try {
    const due = waiting(state, nowMs, eventsMax).map(({ position }) => position);
    const again = await offers.again(due);
    const wanted = Math.min(eventsMax - again.size, OPEN_MAX - bury(state, nowMs).open.length);
    const next = await offers.next(state.place, wanted);
    const claimed = claim(state, { again, next }, terms);
    return { ...claimed, wasRead: next.length > 0 && claimed.state.place > state.place };
  } catch (error) {
    throw reasonOf(error) === Reason.CURSOR_TOO_OLD ? tooOld(group, error) : error;
  }
}

async function takeDead(state: GroupState, offers: Offers, terms: Terms) {
  const { nowMs, eventsMax } = terms;
  const free = bury(state, nowMs).dead.filter((event) => !isOut(event, nowMs));
  const positions = free.slice(0, eventsMax).map(({ position }) => position);
  const again = await offers.dead(positions);
  return { ...claimDead(state, again, terms), wasRead: again.size > 0 };
}

function allowedOf({ allowed }: Offers, { position }: GroupEvent): Allowed {
  const found = allowed.get(position);
  if (!found) throw new Error('what was not allowed was given out');
  return found;
}

/** What nobody would miss is not written: a place that moved a little, over what is not wanted. */
function isWorthKeeping(
  before: GroupState,
  { state, given }: Round,
  { clock }: EventDeps,
): boolean {
  const usedMs = before.useTime ? timestampMs(before.useTime) : 0;
  return (
    given.length > 0 ||
    state.place - before.place >= PLACE_STEP ||
    state.open.length < before.open.length ||
    state.dead.length !== before.dead.length ||
    state.dropped !== before.dropped ||
    clock.wallMs() - usedMs >= TOUCH_MS
  );
}

function used(state: GroupState, { clock }: EventDeps): GroupState {
  return { ...state, useTime: timestampFromMs(clock.wallMs()) };
}

function tooOld(group: string, cause?: unknown) {
  const text = `what the group ${group} is to get next is not kept any more, or the installation was restored; pull once with reset to make the group anew, and with start: START_EARLIEST for all that is kept`;
  return refuse(Reason.CURSOR_TOO_OLD, text, { cause });
}
