import { create } from '@bufbuild/protobuf';
import type { HandlerContext } from '@connectrpc/connect';
import { type Caller, callerOf, cutKey, drainingKey, refuse, requireScope } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import {
  type DeliveredEvent,
  type SubscribeRequest,
  type SubscribeResponse,
  SubscribeResponseSchema,
} from '@weir/sdk/gen/weir/events/v1/events_pb';
import { Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import type { AnswerDeps } from '../answer.ts';
import { requireStillValid } from '../authenticate.ts';
import { parsePurpose } from '../batch.ts';
import { beginAt } from '../events/begin.ts';
import type { Place } from '../events/cursors.ts';
import { deliver, type Wants } from '../events/deliver.ts';
import { unreachable } from '../events/event-log.ts';
import type { EventDeps } from '../events/events.ts';
import { createPace } from '../events/pace.ts';
import { openReader } from '../events/reader.ts';
import { watchReader } from '../events/slow-subscriber.ts';
import type { Tail } from '../events/tails.ts';
import { parseTopics } from '../events/topics.ts';
import { beginRecord, type CallRecord, type RecordDeps } from './record.ts';
import { untilRevoked } from './until-revoked.ts';

type SubscribeDeps = EventDeps & AnswerDeps & RecordDeps;

/** How often a message comes, even without events: who hears nothing for longer has lost the router. */
export const HEARTBEAT_MS = 10_000;
/** Another router has the time; this one asks for none. */
const MOVE_RETRY_MS = 50;

/** Subscribe: events as they come, from a place in the log on. */
export function subscribe(deps: SubscribeDeps) {
  return async function* (
    request: SubscribeRequest,
    context: HandlerContext,
  ): AsyncGenerator<SubscribeResponse> {
    const record = beginRecord(deps, context);
    const stop = new AbortController();
    try {
      yield* subscribed(deps, request, context, { record, stop });
    } catch (error) {
      const told = stop.signal.aborted ? stop.signal.reason : error;
      await record.refused(told, { purpose: request.purpose });
      throw told;
    } finally {
      stop.abort();
    }
  };
}

async function* subscribed(
  deps: SubscribeDeps,
  request: SubscribeRequest,
  context: HandlerContext,
  { record, stop }: { readonly record: CallRecord; readonly stop: AbortController },
): AsyncGenerator<SubscribeResponse> {
  const caller = callerOf(context);
  requireScope(caller, Scope.READ);
  const wants = wantsOf(request);
  const { purpose } = wants;
  const pace = createPace(request.maxPerSecond, deps.clock);
  using open = deps.subscriptions.open(caller.tenant, pace);
  using _stopping = stopping(deps, caller, context, stop);
  const signal = AbortSignal.any([context.signal, stop.signal]);
  const { tenant } = caller;
  const tail = await deps.tails.of(tenant, signal);
  let place = await beginAt(deps, caller, request, { tail, signal });
  using reader = openReader(deps.eventLog, tenant, { tail, signal });
  await record.answered({ purpose, target: request.topics.join(' ') });

  let toldMs = Number.NEGATIVE_INFINITY;
  for (;;) {
    const dueMs = Math.max(0, toldMs + HEARTBEAT_MS - deps.clock.monotonicMs());
    const batch = await reader.next(place.position, { events: pace.eventsMax, waitMs: dueMs });
    signal.throwIfAborted();
    requireSameLog(tail, place, reader.epoch);
    const who = requireStillValid(deps, caller);
    const { events, items } = await deliver(deps, batch, wants, { caller: who, tail, signal });
    const position = batch.at(-1)?.stored.position ?? place.position;
    place = { epoch: reader.epoch, position };
    const isDue = deps.clock.monotonicMs() >= toldMs + HEARTBEAT_MS;
    if (events.length === 0 && !isDue) continue;
    if (items.length > 0) await record.answered({ purpose, items });
    const cursor = deps.cursors.write(who, place);
    using _reading = slowly(request)
      ? undefined
      : watchReader(tail, wants.topics, (error) => {
          deps.eventCounts.cut();
          cutOff(error, stop, context);
        });
    countDelivered(deps, events);
    open.given(events.length);
    yield create(SubscribeResponseSchema, { events: [...events], cursor });
    open.taken();
    toldMs = deps.clock.monotonicMs();
    await pace.due(signal);
  }
}

function countDelivered({ eventCounts }: SubscribeDeps, events: readonly DeliveredEvent[]): void {
  eventCounts.count('delivered', events.length);
  eventCounts.count(
    'replaced',
    events.reduce((sum, { replaced }) => sum + replaced, 0),
  );
}

function wantsOf({ topics, fetch, latestOnly, purpose }: SubscribeRequest): Wants {
  return { topics: parseTopics(topics), fetch, latestOnly, purpose: parsePurpose(purpose) };
}

/** For who asked to be told slowly, events wait in the log. */
function slowly({ latestOnly, maxPerSecond }: SubscribeRequest): boolean {
  return latestOnly || maxPerSecond > 0;
}

/** Ends a subscription whose caller may not have it any more, or whose router stops. */
function stopping(
  deps: SubscribeDeps,
  caller: Caller,
  context: HandlerContext,
  stop: AbortController,
): Disposable {
  const draining = context.values.get(drainingKey);
  const move = () => stop.abort(moved());
  if (draining.aborted) move();
  draining.addEventListener('abort', move, { once: true });
  const revoked = untilRevoked(deps, caller, {
    end: (error) => stop.abort(error),
    cut: context.values.get(cutKey),
  });
  return {
    [Symbol.dispose]() {
      draining.removeEventListener('abort', move);
      revoked[Symbol.dispose]();
    },
  };
}

/** How long a subscriber who is cut off has to read why. */
const CUT_MS = 500;

function cutOff(error: Error, stop: AbortController, context: HandlerContext): void {
  stop.abort(error);
  // Who reads nothing does not read the error either.
  setTimeout(context.values.get(cutKey), CUT_MS).unref();
}

function moved() {
  return refuse(Reason.OVERLOADED, 'the router is shutting down; go on from your cursor', {
    retryDelayMs: MOVE_RETRY_MS,
  });
}

/** Throws unless what was read under an epoch is what comes after a place. */
function requireSameLog(tail: Tail, place: Place, epoch: string): void {
  if (epoch === place.epoch) return;
  // The log was read where this router has not heard of it yet.
  if (epoch !== tail.epoch) throw unreachable();
  if (tail.goesOnFrom(place)) return;
  const text = 'the log was restored or lost, and is another one; begin anew without a cursor';
  throw refuse(Reason.CURSOR_TOO_OLD, text);
}
