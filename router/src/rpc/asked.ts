import {
  afterCallKey,
  type CallContext,
  type Caller,
  callerOf,
  type LeanCall,
  requireScope,
} from '@weir/kit';
import { Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import type { Asked } from '../answer.ts';

/** Who asks by a call, and how long there is. Reading needs its scope. */
export function askedBy(context: CallContext): Asked {
  const caller = callerOf(context);
  requireScope(caller, Scope.READ);
  const after = context.values.get(afterCallKey);
  const { signal } = context;
  const afterCall = (held: Disposable) => after?.(() => held[Symbol.dispose]());
  return { caller, signal, timeoutMs: context.timeoutMs(), ...(after && { afterCall }) };
}

/** Who asks by a call of the fast lane. */
export function askedInLane(call: LeanCall): Asked {
  const caller = callerOf(call);
  requireScope(caller, Scope.READ);
  return new AskedInLane(call, caller);
}

/** Of the hot path: there is one for each call. */
class AskedInLane implements Asked {
  readonly caller: Caller;
  readonly #call: LeanCall;

  constructor(call: LeanCall, caller: Caller) {
    this.#call = call;
    this.caller = caller;
  }

  /** Made only for those who wait. */
  get signal(): AbortSignal {
    return this.#call.signal;
  }

  get timeoutMs(): number {
    return this.#call.timeoutMs();
  }

  afterCall(held: Disposable): void {
    this.#call.afterCall(() => held[Symbol.dispose]());
  }
}
