import { Code, ConnectError } from '@connectrpc/connect';
import { WeirError } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { type Refused, refused } from '../outcome.ts';
import type { ProviderVersion } from '../snapshot/catalogue.ts';

const UNAVAILABLE_RETRY_MS = 1_000;

/**
 * Whether the provider was not reached, or lost on the way (which looks like a cancel, when it
 * was not ours): another endpoint may do.
 */
export function isOutOfReach(error: unknown): boolean {
  const { code } = ConnectError.from(error);
  return code === Code.Unavailable || code === Code.Aborted || code === Code.Canceled;
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
      return refused(Reason.PROVIDER_FAILED, `provider ${name} broke off the call`, retry);
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
      return refused(Reason.PROVIDER_FAILED, `provider ${name} failed`);
  }
}
