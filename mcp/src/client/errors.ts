import { ProtocolError, SdkError, SdkErrorCode, SdkHttpError } from '@modelcontextprotocol/client';
import { OutboundRefused } from '@weir/kit';
import { Code, ProviderError } from '@weir/sdk/provider';
import { showHidden } from './hidden.ts';
import {
  AuthorizationFailed,
  authorizationFault,
  type SignInNeeded,
  signInOf,
} from './oauth/faults.ts';

const textMaxChars = 500;
const retryDelayMs = 1_000;

/** What JSON-RPC and MCP call their errors, as far as callers can do something about them. */
const codes: Readonly<Record<number, Code>> = {
  [-32602]: Code.InvalidArgument,
  [-32601]: Code.Unimplemented,
  [-32002]: Code.NotFound,
  // The caller was asked to be able to do more than it can.
  [-32021]: Code.FailedPrecondition,
  [-32042]: Code.FailedPrecondition,
};

/** What went wrong at an upstream, as callers are told: what it said itself, and no address. */
export function toProviderError(error: unknown, upstream: string): ProviderError {
  if (error instanceof ProviderError) return error;
  const signIn = signInOf(error);
  if (signIn) return signInRequired(signIn, upstream);
  if (error instanceof AuthorizationFailed) {
    return new ProviderError(Code.FailedPrecondition, plain(error.message));
  }
  if (error instanceof ProtocolError) {
    return new ProviderError(codes[error.code] ?? Code.Unknown, plain(error.message));
  }
  if (error instanceof SdkHttpError) return ofStatus(error.status ?? 0, upstream);
  if (error instanceof SdkError) return ofSdk(error, upstream);
  if (error instanceof RangeError) {
    return new ProviderError(Code.ResourceExhausted, `${upstream}: ${error.message}`);
  }
  return new ProviderError(Code.Unavailable, `${upstream} cannot be reached`, { retryDelayMs });
}

/** What went wrong, for the operator's eyes. */
export function faultText(error: unknown): string {
  if (!(error instanceof Error)) return plain(String(error));
  const cause = error.cause instanceof Error ? ` (${error.cause.message})` : '';
  const authorization = authorizationFault(error);
  if (authorization !== undefined) return plain(authorization);
  const hint = wasRefused(error) ? '; WEIR_OUTBOUND_ALLOW says what may be called' : '';
  return plain(`${error.message}${cause}${hint}`);
}

/** Text of an upstream as one short line in which everything shows. */
export function plain(text: string): string {
  return showHidden(text.replaceAll(/\s+/g, ' ')).slice(0, textMaxChars);
}

/** What a caller is told who cannot be asked to sign in. */
function signInRequired({ address, isOperators }: SignInNeeded, upstream: string): ProviderError {
  if (isOperators) {
    const text = `${upstream} waits for its operator to sign in`;
    return new ProviderError(Code.FailedPrecondition, text);
  }
  const text = `${upstream} is for users who have signed in: open ${address} and call again`;
  return new ProviderError(Code.FailedPrecondition, text);
}

function wasRefused(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return error instanceof OutboundRefused || wasRefused(error.cause);
}

function ofStatus(status: number, upstream: string): ProviderError {
  if (status === 401 || status === 403) {
    const text = `${upstream} refuses the credentials that the connector has for it`;
    return new ProviderError(Code.FailedPrecondition, text);
  }
  if (status === 429) {
    return new ProviderError(Code.ResourceExhausted, `${upstream} is busy`, { retryDelayMs });
  }
  const text = `${upstream} answered with HTTP status ${status}`;
  return new ProviderError(Code.Unavailable, text, { retryDelayMs });
}

function ofSdk(error: SdkError, upstream: string): ProviderError {
  switch (error.code) {
    case SdkErrorCode.RequestTimeout:
      return new ProviderError(Code.DeadlineExceeded, `${upstream} did not answer in time`);
    case SdkErrorCode.NotConnected:
    case SdkErrorCode.ConnectionClosed:
      return new ProviderError(Code.Unavailable, `${upstream} has ended`, { retryDelayMs });
    case SdkErrorCode.CapabilityNotSupported:
    case SdkErrorCode.MethodNotSupportedByProtocolVersion:
      return new ProviderError(Code.Unimplemented, plain(error.message));
    default:
      return new ProviderError(Code.Unknown, `${upstream}: ${plain(error.message)}`);
  }
}
