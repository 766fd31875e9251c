import { create } from '@bufbuild/protobuf';
import type { HandlerContext } from '@connectrpc/connect';
import type { Clock } from '@weir/kit';
import {
  type WriteGroupRequest,
  WriteGroupResponseSchema,
} from '@weir/sdk/gen/weir/events/v1/log_pb';
import type { EventStore } from '../events/event-store.ts';
import { requireService } from '../gate.ts';

/** WriteGroup: keeps what a router knows of a group of workers, unless another wrote meanwhile. */
export function writeGroup(store: EventStore, clock: Clock) {
  return async ({ tenant, name, state, version }: WriteGroupRequest, context: HandlerContext) => {
    requireService(context);
    const write = { state, version, nowMs: clock.wallMs() };
    const written = await store.writeGroup(tenant, name, write);
    return create(WriteGroupResponseSchema, { written });
  };
}
