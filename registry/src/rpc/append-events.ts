import { create } from '@bufbuild/protobuf';
import type { HandlerContext } from '@connectrpc/connect';
import {
  type AppendEventsRequest,
  AppendEventsResponseSchema,
} from '@weir/sdk/gen/weir/events/v1/log_pb';
import type { EventLog } from '../events/event-log.ts';
import { requireService } from '../gate.ts';

/** AppendEvents: commits events that a router has checked. */
export function appendEvents(log: EventLog) {
  return async (request: AppendEventsRequest, context: HandlerContext) => {
    requireService(context);
    const { position, ids, epoch } = await log.append(request, context.signal);
    return create(AppendEventsResponseSchema, { position, ids: [...ids], epoch });
  };
}
