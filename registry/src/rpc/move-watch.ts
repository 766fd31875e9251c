import { create } from '@bufbuild/protobuf';
import type { HandlerContext } from '@connectrpc/connect';
import { type Clock, refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import {
  type MoveWatchRequest,
  MoveWatchResponseSchema,
} from '@weir/sdk/gen/weir/events/v1/log_pb';
import type { WatchDuties } from '../events/watches.ts';
import { requireService } from '../gate.ts';

/** MoveWatch: notes how far a router has read a provider, if the duty is still its own. */
export function moveWatch(duties: WatchDuties, clock: Clock) {
  return async ({ watch, holder, place }: MoveWatchRequest, context: HandlerContext) => {
    requireService(context);
    if (!watch || !place) {
      throw refuse(Reason.MALFORMED_REQUEST, 'watch or place is missing; give both');
    }
    const held = await duties.move(watch, holder, { ...place, nowMs: clock.wallMs() });
    return create(MoveWatchResponseSchema, { held });
  };
}
