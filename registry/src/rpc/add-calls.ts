import type { MethodImpl } from '@connectrpc/connect';
import type { CallIntakeService } from '@weir/sdk/gen/weir/tools/v1/calls_pb';
import type { CallStore } from '../calls/call-store.ts';
import { requireService } from '../gate.ts';

/** Keeps calls of tools that a router hands over. */
export function addCalls(calls: CallStore): MethodImpl<typeof CallIntakeService.method.addCalls> {
  return async (request, context) => {
    requireService(context);
    await calls.add(request.calls);
    return {};
  };
}
