import type { HandlerContext } from '@connectrpc/connect';
import { afterCallKey, callerOf, type LeanCall, requireScope } from '@weir/kit';
import { Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import type { Asked } from '../answer.ts';

/** Who asks by a call, and how long there is. Reading needs its scope. */
export function askedBy(context: HandlerContext): Asked {
  const caller = callerOf(context);
  requireScope(caller, Scope.READ);
  const afterCall = context.values.get(afterCallKey);
  const { signal } = context;
  return { caller, signal, timeoutMs: context.timeoutMs(), ...(afterCall && { afterCall }) };
}

/** Who asks by a call of the fast lane. */
export function askedInLane(call: LeanCall): Asked {
  const caller = callerOf(call);
  requireScope(caller, Scope.READ);
  return {
    caller,
    // Made only for those who wait.
    get signal() {
      return call.signal;
    },
    timeoutMs: call.timeoutMs(),
    afterCall: (done) => call.afterCall(done),
  };
}
