import {
  Code,
  ConnectError,
  createContextKey,
  type HandlerContext,
  type Interceptor,
  type StreamRequest,
  type UnaryRequest,
} from '@connectrpc/connect';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { callerKey, requestIdKey } from '../caller.ts';
import { addReason, refuse, toConnectError } from '../errors.ts';
import type { Logger } from '../log.ts';
import { beginServerSpan, endServerSpan } from '../telemetry/server-span.ts';
import { noSpan, type OpenSpan } from '../telemetry/spans.ts';
import { untilAborted } from './abort.ts';
import { createFewLines, type FewLines } from './few-lines.ts';
import type { CallHead } from './lane/lean-method.ts';
import type { ServeOptions } from './options.ts';
import { protocolOf } from './protocol.ts';

/** Where the end of a call is told: once, whatever ended it. */
export interface CallRecord {
  /** The handler is at work. */
  running: boolean;
  /** What the handler ended with. */
  error?: ConnectError;
  /** The call, as traces show it. */
  readonly span: OpenSpan;
  /** Tells of the end. */
  finish(): void;
}

const callKey = createContextKey<CallRecord | undefined>(undefined);

/** Watches over calls from their headers to their end. */
export interface Calls {
  /** To be called first in the gate. */
  begin(context: HandlerContext): void;
  /** Begins the record of a call that the RPC library has no part in. */
  open(head: CallHead): CallRecord;
  /** To be the outermost interceptor: translates errors, ends calls at their deadlines. */
  readonly interceptor: Interceptor;
}

/** What the watch over calls writes to. */
export type CallWatch = Pick<ServeOptions, 'log' | 'metrics' | 'tracing' | 'onFailed'>;

/** Creates the watch over calls, which writes the access log, their metrics and their traces. */
export function createCalls(watch: CallWatch): Calls {
  const strangers = createFewLines(watch.log, 'calls of strangers are not all told one by one');
  const open = (head: CallHead) => createRecord(head, watch, strangers);
  return {
    open,
    begin(context) {
      const call = open(context);
      context.values.set(callKey, call);
      context.signal.addEventListener('abort', () => atEnd(context, call), { once: true });
    },
    interceptor: (next) => async (request) => {
      const { signal } = request;
      const handling = beginHandling(request);
      const { span } = handling;
      try {
        const response = await untilAborted(
          signal,
          span.run(() => next(request)),
        );
        if (!response.stream) {
          handling.done();
          return response;
        }
        return { ...response, message: watched(response.message, signal, handling) };
      } catch (error) {
        throw handling.failed(error);
      }
    },
  };
}

/** The handler's part of a call. */
interface Handling {
  readonly span: OpenSpan;
  /** The handler is done. */
  done(): void;
  /** The handler, or the call, has failed; returns what the caller gets. */
  failed(error: unknown): ConnectError;
  /** Nobody asks for more. */
  left(): void;
}

function beginHandling({ contextValues, signal }: UnaryRequest | StreamRequest): Handling {
  const call = contextValues.get(callKey);
  const requestId = contextValues.get(requestIdKey);
  if (call !== undefined) call.running = true;
  const end = (error?: ConnectError) => {
    if (call?.running !== true) return;
    call.running = false;
    if (error !== undefined) call.error = error;
    if (signal.aborted) call.finish();
  };
  const failed = (error: unknown) => {
    const translated = translate(error, signal, requestId);
    end(translated);
    return translated;
  };
  return {
    span: call?.span ?? noSpan,
    done: () => end(),
    failed,
    left: () => {
      if (call?.running === true) failed(callerLeft());
    },
  };
}

/**
 * The RPC library aborts the signal of every call at its end, before it writes the status. An
 * error that arose outside the handler (a message that cannot be read, or is too large) is seen
 * only here, where it can still be given a reason.
 */
function atEnd(context: HandlerContext, call: CallRecord): void {
  if (call.running) return;
  const { reason } = context.signal;
  if (call.error === undefined && !isPlainEnd(reason)) {
    const requestId = context.values.get(requestIdKey);
    call.error = translate(reason, context.signal, requestId);
  }
  call.finish();
}

function isPlainEnd(reason: unknown): boolean {
  return (
    !(reason instanceof ConnectError) && reason instanceof Error && reason.name === 'AbortError'
  );
}

function translate(error: unknown, signal: AbortSignal, requestId: string): ConnectError {
  if (signal.aborted && isLostPeer(error)) return toConnectError(callerLeft(), requestId);
  const translated = toConnectError(error, requestId);
  if (error === signal.reason) addReason(translated, requestId);
  return translated;
}

/** What a call ends with whose caller has left. */
export function callerLeft() {
  return refuse(Reason.CANCELLED, 'the caller left');
}

/**
 * The answer could not be written: the RPC library hands the stream's error to the call. Or the caller
 * reset the stream: whatever code that was done with, it is no fault of ours.
 */
function isLostPeer(error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error)) return false;
  if (error instanceof ConnectError) return /^http\/2 stream closed with/.test(error.rawMessage);
  return /^(ERR_STREAM_|ERR_HTTP2_|ECONNRESET$|EPIPE$)/.test(String(error.code));
}

/** Passes messages on, until the handler or the call ends. */
async function* watched<T>(
  messages: AsyncIterable<T>,
  signal: AbortSignal,
  handling: Handling,
): AsyncGenerator<T> {
  const iterator = messages[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await untilAborted(
        signal,
        handling.span.run(() => iterator.next()),
      );
      if (next.done === true) return handling.done();
      yield next.value;
    }
  } catch (error) {
    throw handling.failed(error);
  } finally {
    handling.left();
    // Not awaited: a handler that waits for something else may end later.
    iterator.return?.().catch(() => undefined);
  }
}

function createRecord(
  head: CallHead,
  { log, metrics, tracing, onFailed }: CallWatch,
  strangers: FewLines,
): CallRecord {
  const startMs = performance.now();
  const span = beginServerSpan(tracing?.tracer, head);
  const method = `${head.service.typeName}/${head.method.name}`;
  metrics.callBegan(method);
  let finished = false;
  return {
    running: false,
    span,
    finish() {
      // A call whose time is over before its message has come ends then, and in the handler again.
      if (finished) return;
      finished = true;
      const durationMs = performance.now() - startMs;
      const { error } = this;
      const code = error === undefined ? 'OK' : codeName(error.code);
      metrics.callEnded(method);
      metrics.recordCall(method, code, durationMs / 1000);
      const write = () => span.run(() => writeLine(log, head, { method, code, durationMs, error }));
      if (head.values.get(callerKey) || levelOf(error) !== 'info') write();
      else strangers.write(write);
      endServerSpan(span, head, { code, error });
      if (error !== undefined) onFailed?.(head, error);
    },
  };
}

interface Ended {
  readonly method: string;
  readonly code: string;
  readonly durationMs: number;
  readonly error: ConnectError | undefined;
}

function writeLine(log: Logger, head: CallHead, ended: Ended): void {
  const { values } = head;
  const { method, code, durationMs, error } = ended;
  const level = levelOf(error);
  if (!log.isLevelEnabled(level)) return;
  const caller = values.get(callerKey);
  const line = {
    method,
    code,
    durationMs: Math.round(durationMs * 1000) / 1000,
    requestId: values.get(requestIdKey),
    protocol: protocolOf(head),
    tenant: caller?.tenant,
    principal: caller?.principal,
    keyId: caller?.keyId,
    text: error?.rawMessage,
    err: level === 'error' ? (error?.cause ?? error) : undefined,
  };
  log[level](line, 'call');
}

function levelOf(error: ConnectError | undefined): 'debug' | 'info' | 'error' {
  if (error === undefined) return 'debug';
  const ours = [Code.Internal, Code.Unknown, Code.DataLoss].includes(error.code);
  return ours ? 'error' : 'info';
}

/** The name that gRPC gives a code, such as DEADLINE_EXCEEDED. */
function codeName(code: Code): string {
  if (code === Code.Canceled) return 'CANCELLED';
  return Code[code].replaceAll(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase();
}
