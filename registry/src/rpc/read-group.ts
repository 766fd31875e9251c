import { create } from '@bufbuild/protobuf';
import type { HandlerContext } from '@connectrpc/connect';
import {
  type ReadGroupRequest,
  ReadGroupResponseSchema,
} from '@weir/sdk/gen/weir/events/v1/log_pb';
import type { EventStore } from '../events/event-store.ts';
import { requireService } from '../gate.ts';

/** ReadGroup: says what routers keep of a group of workers. */
export function readGroup(store: EventStore) {
  return async ({ tenant, name }: ReadGroupRequest, context: HandlerContext) => {
    requireService(context);
    return create(ReadGroupResponseSchema, await store.readGroup(tenant, name));
  };
}
