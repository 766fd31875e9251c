import type { DescMethod } from '@bufbuild/protobuf';
import { createContextValues, type HandlerContext } from '@connectrpc/connect';
import { type Caller, callerKey } from '@weir/kit';
import { testCaller } from './entries.ts';

/** The context of a call of a method, as a server would make it. */
export function testContext(
  method: DescMethod,
  { caller = testCaller(), timeoutMs }: { caller?: Caller; timeoutMs?: number } = {},
): HandlerContext {
  const context = {
    service: method.parent,
    method,
    values: createContextValues().set(callerKey, caller),
    signal: new AbortController().signal,
    timeoutMs: () => timeoutMs,
  };
  return context as unknown as HandlerContext;
}
