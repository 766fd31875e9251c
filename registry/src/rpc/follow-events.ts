import { create } from '@bufbuild/protobuf';
import type { HandlerContext } from '@connectrpc/connect';
import { drainingKey } from '@weir/kit';
import {
  type FollowEventsRequest,
  FollowEventsResponseSchema,
} from '@weir/sdk/gen/weir/events/v1/log_pb';
import type { EventLog } from '../events/event-log.ts';
import { requireKept } from '../events/event-store.ts';
import { requireService } from '../gate.ts';
import { unavailable } from '../store/faults.ts';

/** Of one message; with one more event it stays below what clients take. */
const EVENTS_MAX = 256;
const EVENTS_MAX_BYTES = 1024 * 1024;
/** A notification can be missed, so that it only wakes; routers are promised a message in 10 s. */
const LOOK_MS = 5_000;

/** FollowEvents: what is in a tenant's log after a position, then what comes. */
export function followEvents(log: EventLog) {
  return async function* (request: FollowEventsRequest, context: HandlerContext) {
    requireService(context);
    const signal = AbortSignal.any([context.signal, context.values.get(drainingKey)]);
    try {
      yield* follow(log, request, signal);
    } catch (error) {
      throw unavailable(error) ?? error;
    }
  };
}

async function* follow(log: EventLog, request: FollowEventsRequest, signal: AbortSignal) {
  const { tenant, after } = request;
  const part = { events: EVENTS_MAX, bytes: EVENTS_MAX_BYTES };
  let position = after;
  while (!signal.aborted) {
    // Waiting begins before the log is looked at: what is committed in between wakes too.
    const enough = new AbortController();
    const woken = log.waiters.wait(tenant, LOOK_MS, AbortSignal.any([signal, enough.signal]));
    try {
      const state = await log.store.state(tenant);
      requireKept(state, position);
      const { head, epoch } = state;
      const events = position < head ? await log.store.after(tenant, position, part) : [];
      position = events.at(-1)?.position ?? position;
      yield create(FollowEventsResponseSchema, { events: [...events], head, epoch });
      if (position >= head) await woken;
    } finally {
      enough.abort();
    }
  }
}
