import { create, fromBinary } from '@bufbuild/protobuf';
import {
  type CallContext,
  type Caller,
  type CallHead,
  callerOf,
  cutKey,
  drainingKey,
  type LeanStreamMethod,
  malformedMessage,
  refuse,
  requestIdKey,
  requireScope,
} from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import {
  type DeliveredEvent,
  EventService,
  type SubscribeRequest,
  SubscribeRequestSchema,
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
import { encodeTold, type Told } from '../events/encode-told.ts';
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
    context: SubscribeCall,
  ): AsyncGenerator<SubscribeResponse> {
    for await (const { events, cursor, watch } of subscription(deps, request, context)) {
      using _reading = watch();
      yield create(SubscribeResponseSchema, { events: [...events], cursor });
    }
  };
}

/** The same in the fast lane: what is the same for many is encoded once. */
export function subscribeLean(deps: SubscribeDeps): LeanStreamMethod {
  return {
    method: EventService.method.subscribe,
    async stream(call, message) {
      for await (const told of subscription(deps, decoded(message, call), call)) {
        const room = call.send(encodeTold(told));
        if (room === undefined) continue;
        using _reading = told.watch();
        await room;
      }
    },
  };
}

function decoded(message: Uint8Array, { values }: CallHead): SubscribeRequest {
  try {
    return fromBinary(SubscribeRequestSchema, message);
  } catch (error) {
    throw malformedMessage(error, values.get(requestIdKey));
  }
}

/** A call, in either lane. */
type SubscribeCall = CallHead & Pick<CallContext, 'signal'>;

/** A message to a subscriber. Who asks for the next one has room for it. */
interface Message extends Told {
  /** Cuts the subscriber off when too much comes, until what is returned is disposed of: while there is no room. */
  watch(): Disposable | undefined;
}

/** One generator, not two in each other: of each message to each subscriber that would be a third. */
async function* subscription(
  deps: SubscribeDeps,
  request: SubscribeRequest,
  call: SubscribeCall,
): AsyncGenerator<Message> {
  const record = beginRecord(deps, call);
  using stop = stopWith(call.signal);
  const { signal } = stop;
  try {
    using opened = await openSubscription(deps, request, call, { record, stop });
    const { caller, wants, pace, tail, reader, watch } = opened;
    const { purpose } = wants;
    let { place } = opened;
    let toldMs = Number.NEGATIVE_INFINITY;
    for (;;) {
      const dueMs = Math.max(0, toldMs + HEARTBEAT_MS - deps.clock.monotonicMs());
      const batch = await reader.next(place.position, { events: pace.eventsMax, waitMs: dueMs });
      signal.throwIfAborted();
      requireSameLog(tail, place, reader.epoch);
      const who = requireStillValid(deps, caller);
      const delivery = deliver(deps, batch, wants, { caller: who, tail, signal });
      const { events, items } = delivery instanceof Promise ? await delivery : delivery;
      const position = batch.at(-1)?.stored.position ?? place.position;
      place = { epoch: reader.epoch, position };
      const isDue = deps.clock.monotonicMs() >= toldMs + HEARTBEAT_MS;
      if (events.length === 0 && !isDue) continue;
      if (items.length > 0) await record.answered({ purpose, items });
      const cursor = deps.cursors.write(who, place);
      countDelivered(deps, events);
      opened.given(events.length);
      yield { events, cursor, watch };
      opened.taken();
      toldMs = deps.clock.monotonicMs();
      if (pace.isBounded) await pace.due(signal);
    }
  } catch (error) {
    const told = signal.aborted ? signal.reason : error;
    await record.refused(told, { purpose: request.purpose });
    throw told;
  }
}

/** Opens all that a subscription needs, and records that it begins. */
async function openSubscription(
  deps: SubscribeDeps,
  request: SubscribeRequest,
  call: SubscribeCall,
  { record, stop }: { readonly record: CallRecord; readonly stop: AbortController },
) {
  const caller = callerOf(call);
  requireScope(caller, Scope.READ);
  const wants = wantsOf(request);
  const pace = createPace(request.maxPerSecond, deps.clock);
  using opening = new DisposableStack();
  const { given, taken } = opening.use(deps.subscriptions.open(caller.tenant, pace));
  opening.use(stopping(deps, caller, call, stop));
  const { signal } = stop;
  const tail = await deps.tails.of(caller.tenant, signal);
  const place = await beginAt(deps, caller, request, { tail, signal });
  const reader = opening.use(openReader(deps.eventLog, caller.tenant, { tail, signal }));
  await record.answered({ purpose: wants.purpose, target: request.topics.join(' ') });
  const watch = () => {
    if (slowly(request)) return undefined;
    return watchReader(tail, wants.topics, (error) => {
      deps.eventCounts.cut();
      cutOff(error, stop, call);
    });
  };
  const open = opening.move();
  return {
    ...{ caller, wants, pace, tail, place, reader, watch, given, taken },
    [Symbol.dispose]: () => open.dispose(),
  };
}

/** Aborted with a signal, by whoever has it, and in any case when it is disposed of. */
function stopWith(signal: AbortSignal): AbortController & Disposable {
  const stop = new AbortController();
  const left = () => stop.abort(signal.reason);
  if (signal.aborted) left();
  else signal.addEventListener('abort', left);
  const dispose = () => {
    signal.removeEventListener('abort', left);
    stop.abort();
  };
  return Object.assign(stop, { [Symbol.dispose]: dispose });
}

function countDelivered({ eventCounts }: SubscribeDeps, events: readonly DeliveredEvent[]): void {
  let gaveWay = 0;
  for (const { replaced } of events) gaveWay += replaced;
  eventCounts.count('delivered', events.length);
  eventCounts.count('replaced', gaveWay);
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
  call: SubscribeCall,
  stop: AbortController,
): Disposable {
  const draining = call.values.get(drainingKey);
  const move = () => stop.abort(moved());
  if (draining.aborted) move();
  draining.addEventListener('abort', move, { once: true });
  const revoked = untilRevoked(deps, caller, {
    end: (error) => stop.abort(error),
    cut: call.values.get(cutKey),
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

function cutOff(error: Error, stop: AbortController, call: SubscribeCall): void {
  stop.abort(error);
  // Who reads nothing does not read the error either.
  setTimeout(call.values.get(cutKey), CUT_MS).unref();
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
