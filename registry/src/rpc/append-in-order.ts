import { create } from '@bufbuild/protobuf';
import type { HandlerContext } from '@connectrpc/connect';
import { refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import {
  type AppendInOrderRequest,
  AppendInOrderResponseSchema,
} from '@weir/sdk/gen/weir/events/v1/log_pb';
import { type EventLog, TOGETHER_MAX } from '../events/event-log.ts';
import { requireService } from '../gate.ts';

/** AppendInOrder: commits events that a router has checked, of several requests at once. */
export function appendInOrder(log: EventLog) {
  return async ({ requests }: AppendInOrderRequest, context: HandlerContext) => {
    requireService(context);
    if (requests.length === 0 || requests.length > TOGETHER_MAX) {
      const text = `requests has ${requests.length} entries; give 1 to ${TOGETHER_MAX}`;
      throw refuse(Reason.MALFORMED_REQUEST, text);
    }
    const appended = await log.appendInOrder(requests, context.signal);
    const responses = appended.map(({ position, ids, epoch }) => ({
      position,
      ids: [...ids],
      epoch,
    }));
    return create(AppendInOrderResponseSchema, { responses });
  };
}
