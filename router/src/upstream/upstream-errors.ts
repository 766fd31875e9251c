import { Code, ConnectError } from '@connectrpc/connect';
import { ConnectionLost, h2Error, StreamReset, WeirError } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { type Refused, refused } from '../outcome.ts';
import type { ProviderVersion } from '../snapshot/catalogue.ts';
import type { ProviderMethod } from './lean/client.ts';

const UNAVAILABLE_RETRY_MS = 1_000;

/**
 * Whether the provider was not reached, or lost on the way (which looks like a cancel, when it
 * was not ours): another endpoint may do.
 */
export function isOutOfReach(error: unknown): boolean {
  if (error instanceof WeirError) return false;
  const { code, cause } = ConnectError.from(error);
  if (code === Code.Unavailable || code === Code.Aborted || code === Code.Canceled) return true;
  return code === Code.Internal && isLostConnection(cause);
}

function isLostConnection(cause: unknown): boolean {
  if (cause instanceof StreamReset) return cause.reset === h2Error.refusedStream;
  return cause instanceof ConnectionLost || (cause instanceof Error && 'syscall' in cause);
}

/** What an error says of the provider. */
export type Fault = 'failed' | 'flooded' | 'refused' | 'late';

/** Tells a provider that fails from one that refuses a call, and from a time that ran out. */
export function faultOf(error: unknown, method: ProviderMethod): Fault {
  if (error instanceof WeirError) {
    return error.reason === Reason.PROVIDER_GARBAGE ? 'flooded' : 'refused';
  }
  if (isOutOfReach(error)) return 'failed';
  const { code, rawMessage } = ConnectError.from(error);
  // So the library begins what it says of an answer that is cut off.
  if (rawMessage.startsWith('protocol error')) return 'failed';
  switch (code) {
    case Code.DeadlineExceeded:
      return 'late';
    case Code.Unimplemented:
      // A provider need not do anything else; one that cannot be fetched from is none.
      return method === 'fetch' ? 'failed' : 'refused';
    case Code.Internal:
    case Code.Unknown:
    case Code.DataLoss:
      return 'failed';
    default:
      return 'refused';
  }
}

/**
 * The refusal that an upstream error becomes. Its text is ours: an error's own may hold
 * addresses.
 */
export function refusedByUpstream(error: unknown, provider: ProviderVersion): Refused {
  const { name } = provider;
  if (error instanceof WeirError) {
    const { retryDelayMs } = error;
    return refused(error.reason, error.message, retryDelayMs === undefined ? {} : { retryDelayMs });
  }
  const retry = { retryDelayMs: UNAVAILABLE_RETRY_MS };
  switch (ConnectError.from(error).code) {
    case Code.Unavailable:
    case Code.Aborted:
      return refused(Reason.PROVIDER_UNAVAILABLE, `provider ${name} cannot be reached`, retry);
    case Code.DeadlineExceeded:
      return refused(Reason.DEADLINE_EXCEEDED, `provider ${name} did not answer in time`, retry);
    case Code.Canceled:
      // When a caller has gone nobody reads this: it was the provider that hung up.
      return refused(Reason.PROVIDER_UNAVAILABLE, `provider ${name} broke off the call`, retry);
    case Code.Unimplemented:
      return refused(Reason.UNSUPPORTED, `provider ${name} does not support this`);
    case Code.Unauthenticated:
    case Code.PermissionDenied:
      return refused(Reason.PROVIDER_FAILED, `provider ${name} does not accept this router`);
    case Code.ResourceExhausted:
      return refused(
        Reason.PROVIDER_FAILED,
        `provider ${name} is overloaded, or its answer is too large`,
        retry,
      );
    default:
      if (isOutOfReach(error)) {
        return refused(Reason.PROVIDER_UNAVAILABLE, `provider ${name} cannot be reached`, retry);
      }
      return refused(Reason.PROVIDER_FAILED, `provider ${name} failed`);
  }
}
