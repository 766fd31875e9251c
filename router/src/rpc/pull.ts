import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { HandlerContext } from '@connectrpc/connect';
import { type Caller, callerOf, cutKey, drainingKey, requireScope } from '@weir/kit';
import {
  type PulledEvent,
  PulledEventSchema,
  type PullRequest,
  type PullResponse,
  PullResponseSchema,
} from '@weir/sdk/gen/weir/events/v1/events_pb';
import { Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import type { AnswerDeps } from '../answer.ts';
import { requireStillValid } from '../authenticate.ts';
import { type DeliverTo, makeReady } from '../events/deliver.ts';
import type { EventDeps } from '../events/events.ts';
import { type Said, settle } from '../events/groups/group.ts';
import type { GroupName } from '../events/groups/groups.ts';
import { type PullAsked, parsePull } from '../events/groups/parse-pull.ts';
import { pullOnce, type Round } from '../events/groups/pull-once.ts';
import { createStirred } from '../events/groups/stirred.ts';
import { createPace } from '../events/pace.ts';
import { beginRecord, type CallRecord, type RecordDeps } from './record.ts';
import { untilRevoked } from './until-revoked.ts';

type PullDeps = EventDeps & AnswerDeps & RecordDeps;

/** How often a waiting pull looks at what other routers did with its group. */
const LOOK_MS = 1_000;
/** How many looks a pull takes at least, as long as there is more to look at. */
const LOOKS_MIN = 8;
/** What is left of the call's time for its answer. */
const ANSWER_MS = 250;
/** How long it may take to give back what could not be handed out. */
const RETURN_MS = 2_000;

/** Pull: gives out events of a group to a worker, and waits for them if it may. */
export function pull(deps: PullDeps) {
  return async (request: PullRequest, context: HandlerContext): Promise<PullResponse> => {
    const record = beginRecord(deps, context);
    const stop = new AbortController();
    try {
      return await pulled(deps, request, context, { record, stop });
    } catch (error) {
      const told = stop.signal.aborted ? stop.signal.reason : error;
      await record.refused(told, { purpose: request.purpose });
      throw told;
    }
  };
}

async function pulled(
  deps: PullDeps,
  request: PullRequest,
  context: HandlerContext,
  { record, stop }: { readonly record: CallRecord; readonly stop: AbortController },
): Promise<PullResponse> {
  const caller = callerOf(context);
  requireScope(caller, Scope.READ);
  const asked = parsePull(request);
  using _open = deps.subscriptions.open(caller.tenant, createPace(0, deps.clock));
  using _revoked = untilRevoked(deps, caller, {
    end: (error) => stop.abort(error),
    cut: context.values.get(cutKey),
  });
  const signal = AbortSignal.any([context.signal, stop.signal]);
  const tail = await deps.tails.of(caller.tenant, signal);
  const to = { caller, tail, signal };
  const round = await wait(deps, asked, { to, context });
  try {
    return await handOut(deps, asked, round, { to, record });
  } catch (error) {
    await giveBack(deps, asked, round, caller);
    throw error;
  }
}

/** Looks until there is something, or the time is over, or this router stops. */
async function wait(
  deps: PullDeps,
  asked: PullAsked,
  { to, context }: { readonly to: DeliverTo; readonly context: HandlerContext },
): Promise<Round> {
  const { clock, groups } = deps;
  const leftMs = (context.timeoutMs() ?? Number.POSITIVE_INFINITY) - ANSWER_MS;
  const endMs = clock.monotonicMs() + Math.min(asked.waitMs, leftMs);
  const draining = context.values.get(drainingKey);
  const wakened = AbortSignal.any([to.signal, draining]);
  using stirred = createStirred(to.tail, groups, nameOf(to.caller, asked));
  let begun = false;
  for (let looks = 1; ; looks++) {
    stirred.calm();
    const caller = requireStillValid(deps, to.caller);
    // What was asked to begin anew has done so once.
    const now = begun ? { ...asked, reset: false } : asked;
    const round = await pullOnce(deps, now, { ...to, caller });
    deps.eventCounts.count('dead', round.died);
    begun ||= round.begun;
    const restMs = draining.aborted ? 0 : endMs - clock.monotonicMs();
    const isOver = round.isAtEnd ? restMs <= 0 : restMs <= 0 && looks >= LOOKS_MIN;
    if (round.given.length > 0 || isOver) return { ...round, begun };
    if (round.isAtEnd) await stirred.wait(lookAfterMs(deps, round, restMs), wakened);
    to.signal.throwIfAborted();
  }
}

function nameOf({ tenant, principal }: Caller, { group }: PullAsked): GroupName {
  return { tenant, principal, group };
}

function lookAfterMs({ clock }: PullDeps, { state, dueMs }: Round, restMs: number): number {
  const isOthers = state.open.length > 0 || state.dead.length > 0;
  const dueAfterMs = dueMs === undefined ? Number.POSITIVE_INFINITY : dueMs - clock.wallMs();
  return Math.max(0, Math.min(restMs, dueAfterMs, isOthers ? LOOK_MS : restMs));
}

/** Makes the answer, and has it recorded. */
async function handOut(
  deps: PullDeps,
  asked: PullAsked,
  { given, begun, state }: Round,
  { to, record }: { readonly to: DeliverTo; readonly record: CallRecord },
): Promise<PullResponse> {
  const { purpose, group } = asked;
  const allowed = given.map((one) => one.allowed);
  const { events, items } = await makeReady(deps, allowed, asked, to);
  await record.answered({ purpose, target: group, items });
  to.signal.throwIfAborted();
  count(deps, given);
  const told = given.map(({ event }, index): PulledEvent => {
    const { position, lease, attempts: attempt, untilMs } = event;
    const ackId = deps.ackIds.write(to.caller, group, { epoch: state.epoch, position, lease });
    const leaseExpireTime = timestampFromMs(untilMs);
    const delivered = events[index];
    return create(PulledEventSchema, {
      ...{ ackId, attempt, leaseExpireTime },
      ...(delivered && { event: delivered }),
    });
  });
  const counts = { deadLetters: state.dead.length, dropped: state.dropped };
  return create(PullResponseSchema, { events: told, begun, ...counts });
}

function count({ eventCounts }: PullDeps, given: Round['given']): void {
  eventCounts.count('pulled', given.length);
  eventCounts.count('redelivered', given.filter(({ event }) => event.attempts > 1).length);
}

/** Gives back what could not be handed out, as if it had not been given out; else its leases end by themselves. */
async function giveBack(
  { groups, clock }: PullDeps,
  asked: PullAsked,
  { given }: Round,
  caller: Caller,
): Promise<void> {
  if (given.length === 0) return;
  const nowMs = clock.wallMs();
  const said = given.map(({ event: { position, lease } }): Said => {
    return { position, lease, what: 'untried', untilMs: nowMs };
  });
  const move = async (state: Round['state'] | undefined) => ({
    state: state && settle(state, said, nowMs).state,
    result: undefined,
  });
  const late = AbortSignal.timeout(RETURN_MS);
  await groups.change(nameOf(caller, asked), move, late).catch(() => {});
}
