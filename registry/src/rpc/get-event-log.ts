import { create } from '@bufbuild/protobuf';
import type { HandlerContext } from '@connectrpc/connect';
import {
  type GetEventLogRequest,
  GetEventLogResponseSchema,
} from '@weir/sdk/gen/weir/events/v1/log_pb';
import type { EventLog } from '../events/event-log.ts';
import { requireService } from '../gate.ts';

/** GetEventLog: says what is kept of a tenant's log. */
export function getEventLog(log: EventLog) {
  return async ({ tenant }: GetEventLogRequest, context: HandlerContext) => {
    requireService(context);
    return create(GetEventLogResponseSchema, await log.store.state(tenant));
  };
}
