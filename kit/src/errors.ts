import { Code, ConnectError } from '@connectrpc/connect';
import {
  BadRequestSchema,
  ErrorInfoSchema,
  RetryInfoSchema,
} from '@weir/sdk/gen/google/rpc/error_details_pb';
import { Reason, ReasonSchema } from '@weir/sdk/gen/weir/errors/v1/reason_pb';

/** The domain of every ErrorInfo that Weir sends. */
export const errorDomain = 'weir';

/** Texts and details travel in headers, which clients bound: the strictest take 16 KiB. */
const violationsMax = 32;
const violationsMaxChars = 4096;
const textMaxChars = 2048;

/** A fault in one field of a request. */
export interface FieldViolation {
  /** The path of the field, such as `refs[3].key`. */
  readonly field: string;
  /** What is wrong with it and how to mend it. */
  readonly description: string;
}

/** What a refusal can carry besides its reason and text. */
export interface RefuseOptions {
  /** When the call may be tried again. Left out: trying again will not help. */
  readonly retryDelayMs?: number | undefined;
  /** The fields at fault. */
  readonly violations?: readonly FieldViolation[] | undefined;
  /** Names and values for programs; sent to the caller in ErrorInfo. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** The gRPC code, where a provider chose it. Left out: that of the reason. */
  readonly code?: Code | undefined;
  /** What led to it; logged, never sent. */
  readonly cause?: unknown;
}

/** A refusal with a stable reason. Its text is shown to callers: no secrets, no addresses. */
export class WeirError extends Error {
  override readonly name = 'WeirError';
  /** The stable reason. */
  readonly reason: Reason;
  /** The gRPC code: that of the reason, unless a provider chose it. */
  readonly code: Code;
  /** When the call may be tried again. */
  readonly retryDelayMs?: number;
  /** The fields at fault. */
  readonly violations: readonly FieldViolation[];
  /** Names and values for programs. */
  readonly metadata: Readonly<Record<string, string>>;

  constructor(reason: Reason, text: string, options: RefuseOptions = {}) {
    super(text, options.cause === undefined ? undefined : { cause: options.cause });
    this.reason = reason;
    this.code = options.code ?? codeOf(reason);
    this.violations = options.violations ?? [];
    this.metadata = options.metadata ?? {};
    if (options.retryDelayMs !== undefined) this.retryDelayMs = options.retryDelayMs;
  }
}

/** Creates a refusal; the caller throws it. */
export function refuse(reason: Reason, text: string, options?: RefuseOptions): WeirError {
  return new WeirError(reason, text, options);
}

/** The gRPC code of every reason. */
const codes: Readonly<Record<Reason, Code>> = {
  [Reason.UNSPECIFIED]: Code.Unknown,
  [Reason.MALFORMED_REQUEST]: Code.InvalidArgument,
  [Reason.BATCH_EMPTY]: Code.InvalidArgument,
  [Reason.BATCH_TOO_LARGE]: Code.InvalidArgument,
  [Reason.INVALID_KEY]: Code.InvalidArgument,
  [Reason.INVALID_NAME]: Code.InvalidArgument,
  [Reason.INVALID_VERSION]: Code.InvalidArgument,
  [Reason.INVALID_PAGE]: Code.InvalidArgument,
  [Reason.INVALID_MANIFEST]: Code.InvalidArgument,
  [Reason.INVALID_SCHEMA]: Code.InvalidArgument,
  [Reason.INVALID_CONSISTENCY_TOKEN]: Code.InvalidArgument,
  [Reason.MESSAGE_TOO_LARGE]: Code.ResourceExhausted,
  [Reason.INVALID_POLICY]: Code.InvalidArgument,
  [Reason.ADDRESS_REFUSED]: Code.InvalidArgument,
  [Reason.INVALID_CURSOR]: Code.InvalidArgument,
  [Reason.INVALID_ARGUMENTS]: Code.InvalidArgument,
  [Reason.INVALID_STATE]: Code.InvalidArgument,
  [Reason.CREDENTIAL_MISSING]: Code.Unauthenticated,
  [Reason.CREDENTIAL_INVALID]: Code.Unauthenticated,
  [Reason.SCOPE_MISSING]: Code.PermissionDenied,
  [Reason.DENIED]: Code.PermissionDenied,
  [Reason.SIGNATURE_INVALID]: Code.Unauthenticated,
  [Reason.ISSUER_UNAVAILABLE]: Code.Unavailable,
  [Reason.NOT_FOUND]: Code.NotFound,
  [Reason.TYPE_UNKNOWN]: Code.NotFound,
  [Reason.PROVIDER_UNKNOWN]: Code.NotFound,
  [Reason.VERSION_NOT_OFFERED]: Code.NotFound,
  [Reason.KEY_NOT_FOUND]: Code.NotFound,
  [Reason.QUALITY_TOO_LOW]: Code.FailedPrecondition,
  [Reason.UNSUPPORTED]: Code.Unimplemented,
  [Reason.PURPOSE_REQUIRED]: Code.PermissionDenied,
  [Reason.NOT_REDACTABLE]: Code.PermissionDenied,
  [Reason.CANNOT_BE_ASKED]: Code.FailedPrecondition,
  [Reason.PROVIDER_UNAVAILABLE]: Code.Unavailable,
  [Reason.PROVIDER_FAILED]: Code.Unknown,
  [Reason.PROVIDER_GARBAGE]: Code.Internal,
  [Reason.ITEM_TOO_LARGE]: Code.ResourceExhausted,
  [Reason.DEADLINE_EXCEEDED]: Code.DeadlineExceeded,
  [Reason.CANCELLED]: Code.Canceled,
  [Reason.RESPONSE_BUDGET]: Code.ResourceExhausted,
  [Reason.PROVIDER_BUSY]: Code.Unavailable,
  [Reason.INVALID_ITEM]: Code.FailedPrecondition,
  [Reason.BLOB_STORE_UNAVAILABLE]: Code.Unavailable,
  [Reason.SNAPSHOT_STALE]: Code.Unavailable,
  [Reason.SNAPSHOT_BEHIND]: Code.Unavailable,
  [Reason.REGISTRY_UNAVAILABLE]: Code.Unavailable,
  [Reason.STORE_UNAVAILABLE]: Code.Unavailable,
  [Reason.OVERLOADED]: Code.Unavailable,
  [Reason.JOURNAL_UNAVAILABLE]: Code.Unavailable,
  [Reason.RATE_EXCEEDED]: Code.ResourceExhausted,
  [Reason.QUOTA_EXCEEDED]: Code.ResourceExhausted,
  [Reason.EVENTS_UNAVAILABLE]: Code.Unavailable,
  [Reason.SUBSCRIBER_SLOW]: Code.ResourceExhausted,
  [Reason.ALREADY_EXISTS]: Code.AlreadyExists,
  [Reason.ETAG_STALE]: Code.Aborted,
  [Reason.IN_USE]: Code.FailedPrecondition,
  [Reason.INCOMPATIBLE]: Code.FailedPrecondition,
  [Reason.BUILT_IN]: Code.FailedPrecondition,
  [Reason.LEASE_UNKNOWN]: Code.NotFound,
  [Reason.CURSOR_TOO_OLD]: Code.OutOfRange,
  [Reason.TOO_MANY]: Code.ResourceExhausted,
  [Reason.INTERNAL]: Code.Internal,
};

/** The gRPC code that goes with a reason. */
export function codeOf(reason: Reason): Code {
  return codes[reason] ?? Code.Unknown;
}

/** The name of a reason as ErrorInfo carries it, such as `REASON_KEY_NOT_FOUND`. */
export function reasonName(reason: Reason): string {
  return ReasonSchema.value[reason]?.name ?? 'REASON_UNSPECIFIED';
}

const reasonsByName: ReadonlyMap<string, Reason> = new Map(
  Object.values(Reason).map((reason) => [reasonName(reason), reason]),
);

/** The reason that an error carries, whether it is ours or came over the wire. */
export function reasonOf(error: unknown): Reason | undefined {
  if (error instanceof WeirError) return error.reason;
  if (!(error instanceof ConnectError)) return undefined;
  const info = error.findDetails(ErrorInfoSchema).find((detail) => detail.domain === errorDomain);
  return reasonsByName.get(info?.reason ?? '');
}

/**
 * Translates whatever a handler threw into what the caller may see. A WeirError keeps its text
 * and gets details; a ConnectError passes, unless it wraps a fault of the network; anything
 * else becomes an internal error that says nothing but the request id.
 */
export function toConnectError(error: unknown, requestId: string): ConnectError {
  if (error instanceof WeirError) return fromWeirError(error, requestId);
  if (error instanceof ConnectError) return withoutAddresses(error, requestId);
  const ended = fromAbort(error);
  if (ended !== undefined) return fromWeirError(ended, requestId);
  const text = `internal error, request ${requestId}`;
  return fromWeirError(refuse(Reason.INTERNAL, text), requestId, error);
}

/**
 * Gives an error of the RPC library, which has no reason yet, an ErrorInfo with the reason that
 * its code suggests. What it calls internal is either a message that cannot be read, which is
 * the caller's fault, or a fault of ours, of which the caller learns nothing.
 */
export function addReason(error: ConnectError, requestId: string): void {
  if (error.findDetails(ErrorInfoSchema).length > 0) return;
  if (error.code === Code.Internal) {
    const [, fault] = /^parse binary: (.*)$/s.exec(error.rawMessage) ?? [];
    if (fault === undefined) retell(error, Code.Internal, `internal error, request ${requestId}`);
    else retell(error, Code.InvalidArgument, `the message cannot be read: ${cut(fault, 200)}`);
  }
  const reason = reasonsByCode[error.code];
  if (reason !== undefined) error.details.push(errorInfo(reason, {}, requestId));
}

/** The error of a message that cannot be decoded, as the RPC library and `addReason` make it. */
export function malformedMessage(fault: unknown, requestId: string): ConnectError {
  const text = fault instanceof Error ? fault.message : String(fault);
  const error = new ConnectError(`parse binary: ${text}`, Code.Internal);
  addReason(error, requestId);
  return error;
}

/** The library has the error in hand already, so that it cannot be replaced by another. */
function retell(error: ConnectError, code: Code, text: string): void {
  const { cause = new Error(error.rawMessage) } = error;
  Object.assign(error, { code, rawMessage: text, message: `[${Code[code]}] ${text}`, cause });
}

/** What the RPC library's own errors mean. */
const reasonsByCode: Readonly<Partial<Record<Code, Reason>>> = {
  [Code.InvalidArgument]: Reason.MALFORMED_REQUEST,
  [Code.ResourceExhausted]: Reason.MESSAGE_TOO_LARGE,
  [Code.DeadlineExceeded]: Reason.DEADLINE_EXCEEDED,
  [Code.Canceled]: Reason.CANCELLED,
  [Code.Unimplemented]: Reason.UNSUPPORTED,
  [Code.Internal]: Reason.INTERNAL,
};

function fromWeirError(error: WeirError, requestId: string, cause: unknown = error): ConnectError {
  const text = cut(error.message, textMaxChars);
  const translated = new ConnectError(text, error.code, retryAfterOf(error), undefined, cause);
  translated.details.push(errorInfo(error.reason, error.metadata, requestId));
  if (error.retryDelayMs !== undefined) {
    translated.details.push({
      desc: RetryInfoSchema,
      value: { retryDelay: durationOf(error.retryDelayMs) },
    });
  }
  if (error.violations.length > 0) {
    translated.details.push({
      desc: BadRequestSchema,
      value: { fieldViolations: fitting(error.violations) },
    });
  }
  return translated;
}

/** The header of HTTP (RFC 9110, 10.2.3), in whole seconds, for who reads no error details. */
export function retryAfterOf({ retryDelayMs }: WeirError): Record<string, string> {
  if (retryDelayMs === undefined) return {};
  return { 'retry-after': String(Math.max(1, Math.ceil(retryDelayMs / 1000))) };
}

/** As many violations as there is room for; at least one. */
function fitting(violations: readonly FieldViolation[]): FieldViolation[] {
  let left = violationsMaxChars;
  const fits: FieldViolation[] = [];
  for (const violation of violations.slice(0, violationsMax)) {
    const field = cut(violation.field, textMaxChars / 2);
    const description = cut(violation.description, textMaxChars / 2);
    left -= field.length + description.length;
    if (left < 0) break;
    fits.push({ field, description });
  }
  return fits;
}

function cut(text: string, maxChars: number): string {
  const plain = escaped(text.slice(0, maxChars + 1));
  return plain.length > maxChars ? `${plain.slice(0, maxChars - 1)}…`.toWellFormed() : plain;
}

/** What a caller sent may stand in a text: nothing in it may command a terminal or reader. */
function escaped(text: string): string {
  return text.replace(
    /[^\P{Cc}\n]|\p{Bidi_Control}|\p{Cs}/gu,
    (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function errorInfo(reason: Reason, metadata: Readonly<Record<string, string>>, requestId: string) {
  return {
    desc: ErrorInfoSchema,
    value: {
      reason: reasonName(reason),
      domain: errorDomain,
      metadata: { ...metadata, ...(requestId !== '' && { request_id: requestId }) },
    },
  };
}

function durationOf(ms: number): { seconds: bigint; nanos: number } {
  const whole = Math.max(0, Math.round(ms));
  return { seconds: BigInt(Math.floor(whole / 1000)), nanos: (whole % 1000) * 1_000_000 };
}

function fromAbort(error: unknown): WeirError | undefined {
  if (!(error instanceof Error)) return undefined;
  if (error.name === 'TimeoutError') {
    return refuse(Reason.DEADLINE_EXCEEDED, 'the time for the call ran out', { cause: error });
  }
  if (error.name === 'AbortError') {
    return refuse(Reason.CANCELLED, 'the call was cancelled', { cause: error });
  }
  return undefined;
}

/** A client's network faults name the address it dialled, which callers may not learn. */
function withoutAddresses(error: ConnectError, requestId: string): ConnectError {
  const { cause } = error;
  if (!(cause instanceof Error) || !('syscall' in cause)) return error;
  return new ConnectError(
    `an upstream cannot be reached, request ${requestId}`,
    error.code,
    undefined,
    undefined,
    error,
  );
}
