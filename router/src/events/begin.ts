import { type Caller, refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { Start, type SubscribeRequest } from '@weir/sdk/gen/weir/events/v1/events_pb';
import type { Place } from './cursors.ts';
import { lastShared, unreachable } from './event-log.ts';
import type { EventDeps } from './events.ts';
import type { Tail } from './tails.ts';

/** Where a subscription begins. Throws INVALID_CURSOR, DENIED, CURSOR_TOO_OLD, EVENTS_UNAVAILABLE. */
export async function beginAt(
  deps: EventDeps,
  caller: Caller,
  { cursor, start }: Pick<SubscribeRequest, 'cursor' | 'start'>,
  { tail, signal }: { readonly tail: Tail; readonly signal: AbortSignal },
): Promise<Place> {
  const { epoch } = tail;
  if (cursor === '') {
    if (start !== Start.EARLIEST) return { epoch, position: tail.head };
    const { first } = await deps.eventLog.state(caller.tenant, signal);
    return { epoch, position: first - 1n };
  }
  const place = deps.cursors.read(caller, cursor);
  if (tail.goesOnFrom(place)) return place;
  const state = await deps.eventLog.state(caller.tenant, signal);
  // Another router heard first that the log has another epoch.
  if (state.epoch === place.epoch || place.position <= (lastShared(state, place.epoch) ?? -1n)) {
    throw unreachable();
  }
  const text =
    'cursor is from before the log was restored or lost, when it was another one; begin anew without it';
  throw refuse(Reason.CURSOR_TOO_OLD, text);
}
