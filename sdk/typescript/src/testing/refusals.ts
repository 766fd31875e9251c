import { durationMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError } from '@connectrpc/connect';
import type { Refusal } from '../errors.ts';
import { Reason } from '../gen/weir/errors/v1/reason_pb.ts';
import type { Failure } from '../gen/weir/provider/v1/provider_pb.ts';

const refusals = {
  [Reason.KEY_NOT_FOUND]: { code: Code.NotFound, text: 'the provider has no item with this key' },
  [Reason.QUALITY_TOO_LOW]: {
    code: Code.FailedPrecondition,
    text: 'the item is below the quality asked for',
  },
} as const;

/** The refusal for a reason that needs no words of its own. */
export function refusalOf(reason: keyof typeof refusals): Refusal {
  return { ...refusals[reason], reason, offeredVersions: [] };
}

/** The refusal of an item that its provider failed at. */
export function failureRefusal({ code, text, retryDelay }: Failure): Refusal {
  const retry = retryDelay && { retryDelayMs: durationMs(retryDelay) };
  return { code, reason: Reason.PROVIDER_FAILED, text, offeredVersions: [], ...retry };
}

/** The refusal of the items that a failed call to a provider was for. */
export function callRefusal(error: unknown): Refusal {
  const { code, rawMessage } = ConnectError.from(error);
  const isLate = code === Code.DeadlineExceeded;
  const reason = isLate ? Reason.DEADLINE_EXCEEDED : Reason.PROVIDER_UNAVAILABLE;
  return { code, reason, text: rawMessage, offeredVersions: [] };
}
