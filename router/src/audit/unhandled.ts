import { Code, type ConnectError, type ContextKey, createContextKey } from '@connectrpc/connect';
import { type CallHead, type Clock, callerKey, reasonOf, requestIdKey } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { SnapshotHolder } from '../snapshot/holder.ts';
import { subjectOf } from '../subject.ts';
import type { Recorder } from './recorder.ts';

/** Set once a call has come to who records it. */
export const handledKey: ContextKey<boolean> = createContextKey<boolean>(false, {
  description: 'whether the call has come to who records it',
});

/** What recording such calls needs. */
export interface UnhandledDeps {
  readonly recorder: Pick<Recorder, 'record'>;
  readonly holder: SnapshotHolder;
  readonly clock: Clock;
}

/**
 * Makes what records calls that were let in and came to no handler: their message could not be read, was
 * too large, late, or not the one that was signed. Who left before it was read asked for nothing.
 */
export function recordUnhandled({ recorder, holder, clock }: UnhandledDeps) {
  return ({ service, method, values }: CallHead, error: ConnectError): void => {
    const caller = values.get(callerKey);
    if (!caller || values.get(handledKey) || error.code === Code.Canceled) return;
    const { current } = holder;
    try {
      void recorder
        .record({
          requestId: values.get(requestIdKey),
          ...{ caller, subject: subjectOf(current, caller), revision: current.revision },
          method: `${service.typeName}/${method.name}`,
          ...{ startWallMs: clock.wallMs(), startMonotonicMs: clock.monotonicMs() },
          ...{ code: error.code, reason: reasonOf(error) ?? Reason.UNSPECIFIED },
          ...{ purpose: '', target: '', part: 0, items: [] },
        })
        ?.catch(() => {});
    } catch {
      // The journal cannot be written: it says so itself, and the call was refused anyhow.
    }
  };
}
