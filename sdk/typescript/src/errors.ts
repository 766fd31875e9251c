import { durationMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError } from '@connectrpc/connect';
import {
  BadRequestSchema,
  ErrorInfoSchema,
  RetryInfoSchema,
} from './gen/google/rpc/error_details_pb.ts';
import { Reason, ReasonSchema } from './gen/weir/errors/v1/reason_pb.ts';
import { type ContextRef, describeRef } from './ref.ts';

/** One fault at one place of a request or document. */
export interface Violation {
  /** The place: a path into the request or document. */
  readonly field: string;
  /** What is wrong there, and how to mend it. */
  readonly description: string;
}

/** Why there is no item for a ref. */
export interface Refusal {
  /** The gRPC status code that the item would have as a call of its own. */
  readonly code: Code;
  /** The stable reason. */
  readonly reason: Reason;
  /** What is wrong and how to mend it, for people. */
  readonly text: string;
  /** When the ref may be asked for again, in milliseconds. Absent: asking again will not help. */
  readonly retryDelayMs?: number;
  /** The versions on offer, newest first; filled with `Reason.VERSION_NOT_OFFERED`. */
  readonly offeredVersions: readonly string[];
}

interface CallErrorParts {
  readonly code: Code;
  readonly text: string;
  readonly reason?: Reason;
  readonly retryDelayMs?: number | undefined;
  readonly violations?: readonly Violation[];
  readonly requestId?: string | undefined;
  readonly cause?: unknown;
}

/**
 * A whole call failed: credentials, a malformed request, overload, an unreachable Weir, the
 * deadline. Items that cannot be had do not raise it; they are refused one by one.
 */
export class WeirCallError extends Error {
  override readonly name: string = 'WeirCallError';
  /** The gRPC status code. */
  readonly code: Code;
  /** The stable reason; `Reason.UNSPECIFIED` when the error is not Weir's own. */
  readonly reason: Reason;
  /** What went wrong and how to mend it, for people. */
  readonly text: string;
  /** When to try again, in milliseconds. Absent: trying again will not help by itself. */
  readonly retryDelayMs?: number;
  /** The faults of the request, place by place. Empty unless the request was malformed. */
  readonly violations: readonly Violation[];
  /** Leads to the call's log line in Weir. Absent when the call never got there. */
  readonly requestId?: string;

  constructor(parts: CallErrorParts) {
    super(callMessage(parts), { cause: parts.cause });
    this.code = parts.code;
    this.reason = parts.reason ?? Reason.UNSPECIFIED;
    this.text = parts.text;
    this.violations = parts.violations ?? [];
    if (parts.retryDelayMs !== undefined) this.retryDelayMs = parts.retryDelayMs;
    if (parts.requestId !== undefined) this.requestId = parts.requestId;
  }
}

/** An item that `get` was asked for is refused. */
export class ItemRefused extends Error {
  override readonly name: string = 'ItemRefused';
  /** What was asked for. */
  readonly ref: ContextRef;
  /** Why there is no item. */
  readonly refusal: Refusal;

  constructor(ref: ContextRef, refusal: Refusal) {
    super(`${describeRef(ref)}: ${reasonName(refusal.reason)}: ${refusal.text}`);
    this.ref = ref;
    this.refusal = refusal;
  }
}

/** The name of a reason, such as `KEY_NOT_FOUND`; `REASON_<number>` for one not known here. */
export function reasonName(reason: Reason): string {
  const name = ReasonSchema.value[reason]?.name;
  return name === undefined ? `REASON_${reason}` : name.slice('REASON_'.length);
}

/** An error of a call with a reason, as Weir sends them. */
export function refusedCall(code: Code, reason: Reason, text: string): ConnectError {
  const value = { domain: 'weir', reason: `REASON_${reasonName(reason)}` };
  return new ConnectError(text, code, undefined, [{ desc: ErrorInfoSchema, value }]);
}

/** Turns whatever a call threw into a `WeirCallError`, reading the google.rpc details. */
export function toCallError(error: unknown): WeirCallError {
  if (error instanceof WeirCallError) return error;
  const wire = ConnectError.from(error);
  const code = isLostAnswer(wire) ? Code.Unavailable : wire.code;
  const [info] = wire.findDetails(ErrorInfoSchema).filter((each) => each.domain === 'weir');
  const delay = wire.findDetails(RetryInfoSchema)[0]?.retryDelay;
  const faults = wire.findDetails(BadRequestSchema)[0]?.fieldViolations ?? [];
  return new WeirCallError({
    code,
    text: wire.rawMessage,
    reason: info === undefined ? reasonOfCode(code) : reasonOfName(info.reason),
    retryDelayMs: delay && durationMs(delay),
    violations: faults.map(({ field, description }) => ({ field, description })),
    requestId:
      wire.metadata.get('x-request-id') ??
      info?.metadata.request_id ??
      info?.metadata.requestId ??
      undefined,
    cause: wire.isWireError ? undefined : (wire.cause ?? wire),
  });
}

const lostAnswers = /NGHTTP2_REFUSED_STREAM|NGHTTP2_ENHANCE_YOUR_CALM|missing status/;

/**
 * Whether no answer came, or half of one, since the server behind a gateway is gone: a stream that
 * was refused (RFC 9113, 8.7), or that ended without a status or within a message; or a stream that was
 * cut off, for too much of its answer waited. These are internal errors or faults of the request to
 * the transport, and would never be tried again.
 */
function isLostAnswer({ code, isWireError, rawMessage }: ConnectError): boolean {
  if (isWireError) return false;
  if (code === Code.InvalidArgument) return rawMessage === 'protocol error: incomplete envelope';
  return code === Code.Internal && lostAnswers.test(rawMessage);
}

function reasonOfName(name: string): Reason {
  const full = name.startsWith('REASON_') ? name : `REASON_${name}`;
  const value = ReasonSchema.values.find((each) => each.name === full);
  return (value?.number ?? Reason.UNSPECIFIED) as Reason;
}

function reasonOfCode(code: Code): Reason {
  if (code === Code.DeadlineExceeded) return Reason.DEADLINE_EXCEEDED;
  if (code === Code.Canceled) return Reason.CANCELLED;
  return Reason.UNSPECIFIED;
}

function callMessage(parts: CallErrorParts): string {
  const faults = (parts.violations ?? []).map((each) => `\n  ${each.field}: ${each.description}`);
  const reason = parts.reason ? ` (${reasonName(parts.reason)})` : '';
  return `${Code[parts.code] ?? parts.code}${reason}: ${parts.text}${faults.join('')}`;
}
