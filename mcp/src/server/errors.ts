import { Code, type ConnectError } from '@connectrpc/connect';
import { reasonName, reasonOf, toConnectError } from '@weir/kit';
import { ErrorInfoSchema, RetryInfoSchema } from '@weir/sdk/gen/google/rpc/error_details_pb';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { errorCodes, McpError } from './json-rpc.ts';
import { capabilitiesFor } from './questions.ts';

/** Faults of what was asked for. */
const invalid: ReadonlySet<Code> = new Set([
  Code.InvalidArgument,
  Code.OutOfRange,
  Code.NotFound,
  Code.FailedPrecondition,
  Code.AlreadyExists,
]);

/** Statuses of HTTP for what is no answer to the request; everything else is told within 200. */
const statuses: Readonly<Partial<Record<Code, number>>> = {
  [Code.Unauthenticated]: 401,
  [Code.PermissionDenied]: 403,
  [Code.ResourceExhausted]: 429,
  [Code.Unavailable]: 503,
  [Code.DeadlineExceeded]: 504,
  [Code.Canceled]: 499,
  [Code.Internal]: 500,
  [Code.Unknown]: 500,
};

/** What an error is to a client. Only the reason, its text and the id of the request are told. */
export function toMcpError(error: unknown, requestId: string): McpError {
  if (error instanceof McpError) return error;
  const told = toConnectError(error, requestId);
  const reason = reasonOf(told) ?? Reason.UNSPECIFIED;
  if (reason === Reason.CANNOT_BE_ASKED) return missingCapability(told);
  const status = reason === Reason.MESSAGE_TOO_LARGE ? 413 : statuses[told.code];
  const retryAfter = told.metadata.get('retry-after');
  const retryDelayMs = retryDelayMsOf(told);
  const scope = scopeOf(told);
  return new McpError(codeFor(told), told.rawMessage, {
    ...(status !== undefined && { status }),
    data: {
      reason: reasonName(reason),
      requestId,
      ...(retryDelayMs !== undefined && { retryDelayMs }),
      ...(scope !== undefined && { scope }),
    },
    headers: retryAfter === null ? {} : { 'retry-after': retryAfter },
  });
}

function missingCapability(error: ConnectError): McpError {
  const { needs = '' } = error.findDetails(ErrorInfoSchema)[0]?.metadata ?? {};
  const requiredCapabilities = capabilitiesFor(needs);
  const names = Object.keys(requiredCapabilities).join(', ');
  const text = `the tool asks what this client cannot answer; declare the capabilities: ${names}`;
  return new McpError(errorCodes.missingCapability, text, {
    ...{ status: 400, data: { requiredCapabilities } },
  });
}

function codeFor({ code }: ConnectError): number {
  if (invalid.has(code)) return errorCodes.invalidParams;
  if (code === Code.Unimplemented) return errorCodes.methodNotFound;
  return code === Code.Internal || code === Code.Unknown ? errorCodes.internal : errorCodes.server;
}

/** The scope that was missing, as tokens have it; undefined: it was something else. */
function scopeOf(error: ConnectError): string | undefined {
  const scope = error.findDetails(ErrorInfoSchema)[0]?.metadata.scope;
  return scope?.replace(/^SCOPE_/, 'weir:').toLowerCase();
}

function retryDelayMsOf(error: ConnectError): number | undefined {
  const delay = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
  return delay && Number(delay.seconds) * 1000 + Math.round(delay.nanos / 1_000_000);
}
