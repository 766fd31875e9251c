import type { DescMethodUnary } from '@bufbuild/protobuf';
import { MethodOptions_IdempotencyLevel } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, type StreamResponse, type Transport } from '@connectrpc/connect';
import { type Backoff, backoffMs, delay } from '../delay.ts';
import { toCallError, WeirCallError } from '../errors.ts';
import { withTrace } from './trace.ts';

/** How calls are made. */
export interface CallPolicy {
  /** The key, sent with every call. Undefined: none is. */
  readonly key: string | undefined;
  /** The time of a call that sets none itself. */
  readonly timeoutMs: number;
  /** How often a call is tried again at most. */
  readonly retries: number;
}

const backoff: Backoff = { firstMs: 50, maxMs: 2_000 };

/**
 * A transport that sends the key, gives every call a deadline, tries safe calls again within it,
 * and throws `WeirCallError` only.
 */
export function withCallPolicy(inner: Transport, policy: CallPolicy): Transport {
  const budget = createRetryBudget();
  return {
    async unary(method, signal, timeoutMs, header, input, contextValues) {
      const deadline = performance.now() + (timeoutMs ?? policy.timeoutMs);
      const headers = callHeaders(header, policy.key);
      for (let attempt = 0; ; attempt++) {
        const leftMs = Math.max(1, Math.ceil(deadline - performance.now()));
        try {
          const response = await inner.unary(method, signal, leftMs, headers, input, contextValues);
          budget.succeeded();
          return response;
        } catch (error) {
          const failure = callErrorOf(error, signal);
          const waitMs = Math.max(backoffMs(backoff, attempt), failure.retryDelayMs ?? 0);
          const inTime = performance.now() + waitMs < deadline;
          const again =
            attempt < policy.retries && isSafe(method, input) && isPassing(failure) && inTime;
          if (!again || signal?.aborted || !budget.allows()) throw failure;
          await delay(waitMs, signal).catch(() => {
            throw failure;
          });
        }
      }
    },
    async stream(method, signal, timeoutMs, header, input, contextValues) {
      const callTimeoutMs = timeoutMs ?? policy.timeoutMs;
      const headers = callHeaders(header, policy.key);
      try {
        return withCallErrors(
          await inner.stream(method, signal, callTimeoutMs, headers, input, contextValues),
          signal,
        );
      } catch (error) {
        throw callErrorOf(error, signal);
      }
    },
  };
}

function callHeaders(header: HeadersInit | undefined, key: string | undefined): Headers {
  const headers = new Headers(header);
  if (key !== undefined) headers.set('authorization', `Bearer ${key}`);
  return withTrace(headers);
}

/** What has an idempotency key is done once, however often it is sent. */
function isSafe(method: DescMethodUnary, input: object): boolean {
  return (
    ('idempotencyKey' in input && Boolean(input.idempotencyKey)) ||
    method.idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS ||
    method.idempotency === MethodOptions_IdempotencyLevel.IDEMPOTENT
  );
}

function isPassing(failure: WeirCallError): boolean {
  if (failure.code === Code.Unavailable) return true;
  return failure.code === Code.ResourceExhausted && failure.retryDelayMs !== undefined;
}

function withCallErrors<Response extends StreamResponse>(
  response: Response,
  signal: AbortSignal | undefined,
): Response {
  return { ...response, message: messagesOf(response.message, signal) };
}

async function* messagesOf<T>(
  messages: AsyncIterable<T>,
  signal: AbortSignal | undefined,
): AsyncIterable<T> {
  try {
    yield* messages;
  } catch (error) {
    throw callErrorOf(error, signal);
  }
}

/**
 * What a call failed with. A connection that breaks looks like an abort or a cancel that nobody
 * asked for: it is Weir that is not there, and a safe call may be tried again.
 */
export function callErrorOf(error: unknown, signal: AbortSignal | undefined): WeirCallError {
  const { code, isWireError, rawMessage } = ConnectError.from(error);
  const asked = signal?.aborted === true;
  const broke = !asked && !isWireError && (code === Code.Aborted || code === Code.Canceled);
  if (!broke) return toCallError(error);
  const text = `the connection to Weir broke: ${rawMessage}`;
  return new WeirCallError({ code: Code.Unavailable, text, cause: error });
}

/**
 * Keeps retries from feeding an overload, as gRPC's retry throttling does: each failure takes a
 * token, each success returns a tenth of one, and below half of the tokens nothing is retried.
 */
function createRetryBudget(): { succeeded(): void; allows(): boolean } {
  const maxTokens = 20;
  let tokens = maxTokens;
  return {
    succeeded() {
      tokens = Math.min(maxTokens, tokens + 0.1);
    },
    allows() {
      tokens = Math.max(0, tokens - 1);
      return tokens > maxTokens / 2;
    },
  };
}
