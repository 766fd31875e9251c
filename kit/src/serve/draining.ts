import { type ContextKey, createContextKey } from '@connectrpc/connect';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { refuse, type WeirError } from '../errors.ts';

const retryDelayMs = 200;

/** Where a handler finds the signal that is aborted when its server begins to drain. */
export const drainingKey: ContextKey<AbortSignal> = createContextKey(new AbortController().signal, {
  description: 'aborted when the server drains',
});

/** The refusal of calls that a draining server does not take, or cannot wait for. */
export function shuttingDown(): WeirError {
  return refuse(Reason.OVERLOADED, 'the server is shutting down; call again', { retryDelayMs });
}
