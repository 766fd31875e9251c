import { create } from '@bufbuild/protobuf';
import type { HandlerContext } from '@connectrpc/connect';
import { callerOf, requireScope } from '@weir/kit';
import { type AckRequest, AckResponseSchema } from '@weir/sdk/gen/weir/events/v1/events_pb';
import type { GroupState } from '@weir/sdk/gen/weir/events/v1/group_pb';
import { Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import type { EventDeps } from '../events/events.ts';
import { diedBetween, settle } from '../events/groups/group.ts';
import { parseAck, type SaidOf } from '../events/groups/parse-pull.ts';
import type { Tail } from '../events/tails.ts';
import { type RecordDeps, recorded } from './record.ts';

/** Ack: does what a worker says of events that it pulled. */
export function ack(deps: EventDeps & RecordDeps) {
  return (request: AckRequest, context: HandlerContext) =>
    recorded(deps, context, async () => {
      const caller = callerOf(context);
      requireScope(caller, Scope.READ);
      const { tenant, principal } = caller;
      const nowMs = deps.clock.wallMs();
      const { group, said } = parseAck(deps.ackIds, caller, request, nowMs);
      const tail = await deps.tails.of(tenant, context.signal);
      const move = async (kept: GroupState | undefined) => settled(kept, said, { tail, nowMs });
      const name = { tenant, principal, group };
      const { notHeld, died } = await deps.groups.change(name, move, context.signal);
      const countOf = (what: SaidOf['what']) =>
        said.filter((one) => one.what === what && !notHeld.has(one)).length;
      deps.eventCounts.count('acked', countOf('done'));
      deps.eventCounts.count('given_back', countOf('back'));
      deps.eventCounts.count('dead', died);
      const answer = create(AckResponseSchema, { notHeld: [...notHeld].map(({ id }) => id) });
      return { answer, record: { target: group } };
    });
}

function settled(
  kept: GroupState | undefined,
  said: readonly SaidOf[],
  { tail, nowMs }: { readonly tail: Tail; readonly nowMs: number },
) {
  // A log may have gone on under another epoch since.
  const current = said.filter((one) => one.epoch === kept?.epoch || tail.goesOnFrom(one));
  const none = { state: undefined, result: { notHeld: new Set(said), died: 0 } };
  if (!kept || current.length === 0) return none;
  const { state, notHeld: lost } = settle(kept, current, nowMs);
  if (lost.length === current.length) return none;
  const others = said.filter((one) => !current.includes(one) || lost.includes(one));
  return { state, result: { notHeld: new Set(others), died: diedBetween(kept, state) } };
}
