import { Code, Reason, reasonName, WeirCallError } from '@weir/sdk';
import { type ExitCode, exitCodes } from './exit-codes.ts';
import { oneLine } from './render/text.ts';
import { formatMs } from './render/time.ts';

/** A command cannot go on; the message says what is wrong, `mend` what to do about it. */
export class Failure extends Error {
  override readonly name = 'Failure';
  readonly exitCode: ExitCode;
  readonly mend: string;
  /** The places of the faults, one line each. */
  readonly faults: readonly string[];
  /** The stable reason, such as `KEY_NOT_FOUND`; empty when Weir gave none. */
  readonly reason: string;

  constructor(
    exitCode: ExitCode,
    message: string,
    more: { mend?: string; faults?: readonly string[]; reason?: string; cause?: unknown } = {},
  ) {
    super(message, { cause: more.cause });
    this.exitCode = exitCode;
    this.mend = more.mend ?? '';
    this.faults = more.faults ?? [];
    this.reason = more.reason ?? '';
  }
}

/** Bad input: exit code 2. */
export function usageFailure(message: string, mend = ''): Failure {
  return new Failure(exitCodes.usage, message, { mend });
}

/** Renders a failure in one or two lines, and the faults between them. */
export function renderFailure(failure: Failure): string {
  const faults = failure.faults.map((fault) => `  ${fault}\n`).join('');
  const mend = failure.mend === '' ? '' : `${failure.mend}\n`;
  return `weir: ${failure.message}\n${faults}${mend}`;
}

/** Describes a failure for programs. */
export function failureJson(failure: Failure): string {
  const { message, mend, faults, reason, exitCode } = failure;
  return `${JSON.stringify({ error: { message, mend, faults, reason, exitCode } })}\n`;
}

/** Turns whatever was thrown while talking to the Weir at `url` into a failure. */
export function toFailure(error: unknown, url: string): Failure {
  if (error instanceof Failure) return error;
  if (error instanceof WeirCallError) return fromTransport(error, url) ?? fromCall(error);
  const text = error instanceof Error ? error.message : String(error);
  const mend = 'This is a fault of weir itself; --debug shows where it happened.';
  return new Failure(exitCodes.internal, text, { mend, cause: error });
}

/** The failure that Weir's own answer to a call stands for. */
export function fromCall(error: WeirCallError): Failure {
  const { code, reason, violations } = error;
  const text = oneLine(error.text) || (Code[code] ?? `code ${code}`);
  const faults = violations
    .map(({ field, description }) =>
      oneLine(field === '' ? description : `${field}: ${description}`),
    )
    .filter((fault) => !text.includes(fault));
  return new Failure(exitCodeOf(code), text, {
    mend: mendOf(error),
    faults,
    reason: reason === Reason.UNSPECIFIED ? '' : reasonName(reason),
    cause: error,
  });
}

// Weir gives every error a reason: one without was made on the way to it.
function fromTransport(error: WeirCallError, url: string): Failure | undefined {
  if (error.reason !== Reason.UNSPECIFIED) return undefined;
  switch (error.code) {
    case Code.Unavailable:
      return new Failure(exitCodes.unavailable, `Weir does not answer at ${url}.`, {
        mend: 'Start it with `npm start`, or set WEIR_URL.',
        cause: error,
      });
    case Code.Unknown:
    case Code.Unimplemented:
    case Code.Internal:
      return new Failure(
        exitCodes.unavailable,
        `What answers at ${url} is not a Weir of this version.`,
        {
          mend: `Set WEIR_URL to the address of Weir. It said: ${oneLine(error.text)}`,
          cause: error,
        },
      );
    default:
      return undefined;
  }
}

/** The exit code for a gRPC status code. */
export function exitCodeOf(code: Code): ExitCode {
  switch (code) {
    case Code.InvalidArgument:
    case Code.OutOfRange:
      return exitCodes.usage;
    case Code.NotFound:
    case Code.AlreadyExists:
    case Code.FailedPrecondition:
    case Code.Aborted:
      return exitCodes.refused;
    case Code.Unauthenticated:
    case Code.PermissionDenied:
      return exitCodes.denied;
    case Code.Unavailable:
    case Code.DeadlineExceeded:
    case Code.ResourceExhausted:
      return exitCodes.unavailable;
    case Code.Canceled:
      return exitCodes.interrupted;
    default:
      return exitCodes.internal;
  }
}

function mendOf(error: WeirCallError): string {
  if (error.retryDelayMs !== undefined) return `Try again in ${formatMs(error.retryDelayMs)}.`;
  switch (error.code) {
    case Code.Unauthenticated:
      return 'Set WEIR_KEY to a valid key, or name a key file with --key-file.';
    case Code.PermissionDenied:
      return 'Use a key with the scope that this needs; `weir whoami` shows what yours has.';
    case Code.DeadlineExceeded:
      return 'Give it more time with --timeout.';
    case Code.Internal:
      return error.requestId === undefined ? '' : `Its log line has request id ${error.requestId}.`;
    default:
      return '';
  }
}
