import { create } from '@bufbuild/protobuf';
import type { HandlerContext } from '@connectrpc/connect';
import { type Caller, callerOf, refuse, requireScope } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import {
  type Event,
  type PublishRequest,
  PublishResponseSchema,
} from '@weir/sdk/gen/weir/events/v1/events_pb';
import { Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import type { RecordedItem } from '../audit/recorded.ts';
import { createAuthority } from '../authorise.ts';
import { decidePublish } from '../events/decide-publish.ts';
import type { EventDeps } from '../events/events.ts';
import { parseEvents } from '../events/parse-events.ts';
import { type RecordDeps, recorded } from './record.ts';

/** Publish: commits events, which everybody who may know of them is told. */
export function publish(deps: EventDeps & RecordDeps) {
  return (request: PublishRequest, context: HandlerContext) =>
    recorded(deps, context, async () => {
      const caller = callerOf(context);
      requireScope(caller, Scope.REGISTER);
      const { events, fingerprint } = parseEvents(request, deps.clock.wallMs());
      const items = authorise(deps, caller, events);
      const { idempotencyKey } = request;
      const { tenant, principal: publisher } = caller;
      const appending = { tenant, publisher, events, idempotencyKey, fingerprint };
      const { epoch, position, ids } = await deps.eventLog.append(appending, context.signal);
      deps.eventCounts.count('published', events.length);
      const consistencyToken = deps.tokens.mint({ epoch, revision: 0n, position });
      const answer = create(PublishResponseSchema, { ids: [...ids], consistencyToken });
      return { answer, record: { items } };
    });
}

/** Decides on each event; one that may not be published keeps all from it. */
function authorise(
  { holder, clock }: EventDeps,
  caller: Caller,
  events: readonly Event[],
): RecordedItem[] {
  const circumstances = { purpose: '', nowMs: clock.wallMs() };
  const authority = createAuthority(holder.current, caller, circumstances);
  return events.map((event, index) => {
    const { mayBe, item } = decidePublish(authority, caller.tenant, event);
    if (mayBe) return item;
    const field = `events[${index}].topic`;
    const text = `the tenant's policy does not let you publish ${event.topic}`;
    throw refuse(Reason.DENIED, `${field}: ${text}`, {
      violations: [{ field, description: text }],
    });
  });
}
