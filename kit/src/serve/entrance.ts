import type { DescMethod } from '@bufbuild/protobuf';
import { Code, ConnectError, type ContextValues, createContextValues } from '@connectrpc/connect';
import { type Caller, callerKey, callerOf, requestIdKey } from '../caller.ts';
import { toConnectError } from '../errors.ts';
import { untilAborted } from './abort.ts';
import type { Door } from './admit.ts';
import { afterCallKey, cutKey } from './after-call.ts';
import { type CallRecord, type Calls, callerLeft } from './calls.ts';
import { drainingKey } from './draining.ts';
import { carrierOf, type HttpRequest, type HttpResponse } from './http.ts';
import type { CallContext, CallHead } from './lane/lean-method.ts';
import type { ServeLimits } from './limits.ts';
import type { ServeOptions } from './options.ts';
import { type Peers, peerKey } from './peer.ts';
import { protocolKey } from './protocol.ts';
import { requestIdOf } from './request-id.ts';
import { expectBody, expectBodyKey } from './signed-body.ts';
import { boundBody } from './slow-body.ts';

/** Lets requests in that make calls in a protocol of their own: by the same door and gate as calls. */
export interface Entrance {
  /** Has a request begin when there is room for it and its credential is good. */
  enter(request: HttpRequest, response: HttpResponse, entering: Entering): void;
  /** Aborted when the server drains: what lasts is to end then. */
  readonly draining: AbortSignal;
  /** Aborted when what is under way is to be ended. */
  readonly ending: AbortSignal;
}

/** A request that wants to be let in. */
export interface Entering {
  /** The protocol, as logs, metrics and records have it, such as "mcp". */
  readonly protocol: string;
  /** It lasts, and waits most of the time. */
  readonly lasting: boolean;
  /** Answers it. Its body is not read yet. */
  begin(visit: Visit): Promise<void>;
  /** Answers it with why it is not let in, or with a fault of ours. */
  refuse(error: ConnectError): void;
}

/** A request that was let in. */
export interface Visit {
  readonly caller: Caller;
  readonly requestId: string;
  /** Aborted when nobody waits for the answer any more, or the server ends. */
  readonly signal: AbortSignal;
  /** The same with its caller in another way, such as with less that it may do. */
  as(caller: Caller): Visit;
  /** Makes a call, with its own line in the log, metrics and trace. Throws ConnectErrors. */
  call<T>(call: VisitCall, work: (context: CallContext) => T | Promise<T>): Promise<T>;
  /** The same of a call that is answered by a stream. */
  stream<T>(
    call: VisitCall,
    work: (context: CallContext) => AsyncIterable<T>,
  ): AsyncGenerator<T, void>;
}

/** A call that a request makes. */
export interface VisitCall {
  readonly method: DescMethod;
  /** Left out: a unary call has the default deadline, a stream none. */
  readonly timeoutMs?: number | undefined;
  /** Ends the call, in place of the signal of the visit. */
  readonly signal?: AbortSignal | undefined;
}

/** What the entrance stands on. */
interface EntranceParts {
  readonly calls: Calls;
  readonly peers: Peers;
  readonly door: Pick<Door, 'admitOther'>;
  readonly draining: AbortSignal;
  readonly ending: AbortSignal;
}

/** Creates the entrance for requests of other protocols. */
export function createEntrance(
  { gate, log }: Pick<ServeOptions, 'gate' | 'log'>,
  limits: ServeLimits,
  parts: EntranceParts,
): Entrance {
  const { calls, peers, door, draining, ending } = parts;
  return {
    ...{ draining, ending },
    enter(request, response, { protocol, lasting, begin, refuse }) {
      boundBody(request, response, limits.defaultTimeoutMs);
      const values = (): ContextValues =>
        createContextValues()
          .set(requestIdKey, requestIdOf(request))
          .set(peerKey, peers.ofRequest(request))
          .set(protocolKey, protocol)
          .set(expectBodyKey, (digest) => expectBody(request, digest))
          .set(afterCallKey, (done) => {
            if (response.destroyed || carrierOf(request).destroyed) done();
            else response.once('close', done);
          })
          .set(cutKey, () => carrierOf(request).destroy())
          .set(drainingKey, draining);
      const head: CallHead = {
        ...{ service: { typeName: protocol }, method: { name: 'request' } },
        ...{ requestMethod: 'POST', protocolName: protocol, requestHeader: headersOf(request) },
        values: values(),
      };
      const fail = (error: unknown) => {
        const told = toConnectError(error, requestIdOf(request));
        const record = calls.open(head);
        record.error = told;
        record.finish();
        refuse(told);
      };
      const run = async () => {
        try {
          await gate(head);
        } catch (error) {
          return fail(error);
        }
        using gone = untilGone(response, ending);
        const caller = callerOf(head);
        const { signal } = gone;
        const visit = new OpenVisit({ calls, head, limits, values, signal }, caller);
        try {
          await begin(visit);
        } catch (error) {
          if (gone.signal.aborted) return;
          log.error({ err: error, requestId: visit.requestId }, 'a request failed');
          fail(error);
        }
      };
      door.admitOther(request, response, {
        ...{ name: `${protocol}/request`, lasting, refuse },
        begin: () => void run(),
      });
    },
  };
}

/** What all calls of a visit share. */
interface VisitParts {
  readonly calls: Calls;
  readonly head: CallHead;
  readonly limits: ServeLimits;
  readonly signal: AbortSignal;
  /** New ones for each call. */
  values(): ContextValues;
}

/**
 * A class: V8 would keep each visit that had a generator of its own until the next full collection
 * (docs/decisions/transient-collections.md).
 */
class OpenVisit implements Visit {
  readonly #parts: VisitParts;
  readonly caller: Caller;
  readonly requestId: string;
  readonly signal: AbortSignal;

  constructor(parts: VisitParts, caller: Caller) {
    this.#parts = parts;
    this.caller = caller;
    this.requestId = parts.head.values.get(requestIdKey);
    this.signal = parts.signal;
  }

  as(other: Caller): Visit {
    return new OpenVisit(this.#parts, other);
  }

  async call<T>(call: VisitCall, work: (context: CallContext) => T | Promise<T>): Promise<T> {
    const { context, record, limited } = this.#open(call, this.#parts.limits.defaultTimeoutMs);
    try {
      const done = record.span.run(async () => work(context));
      return await untilAborted(context.signal, done);
    } catch (error) {
      throw this.#failed(record, error);
    } finally {
      over(record, limited);
    }
  }

  async *stream<T>(
    call: VisitCall,
    work: (context: CallContext) => AsyncIterable<T>,
  ): AsyncGenerator<T, void> {
    const { context, record, limited } = this.#open(call, undefined);
    const messages = record.span.run(() => work(context)[Symbol.asyncIterator]());
    try {
      for (;;) {
        const next = record.span.run(() => messages.next());
        const { done, value } = await untilAborted(context.signal, next);
        if (done === true) return;
        yield value;
      }
    } catch (error) {
      throw this.#failed(record, error);
    } finally {
      limited.abort();
      // Not awaited: a handler that waits for something else may end later.
      messages.return?.().catch(() => undefined);
      over(record, limited);
    }
  }

  #open({ method, ...call }: VisitCall, defaultMs: number | undefined) {
    const { calls, head, values } = this.#parts;
    const timeoutMs = Math.min(call.timeoutMs ?? defaultMs ?? Number.POSITIVE_INFINITY, maxMs);
    const limited = limitedSignal(call.signal ?? this.signal, timeoutMs);
    const endMs = performance.now() + timeoutMs;
    const context: CallContext = {
      ...{ service: method.parent, method, signal: limited.signal },
      values: values().set(callerKey, this.caller),
      ...{ requestMethod: 'POST', protocolName: head.protocolName },
      requestHeader: head.requestHeader,
      timeoutMs: () => (timeoutMs === maxMs ? undefined : endMs - performance.now()),
    };
    const record = calls.open(context);
    record.running = true;
    return { context, record, limited };
  }

  #failed(record: CallRecord, error: unknown): ConnectError {
    record.error = toConnectError(error, this.requestId);
    return record.error;
  }
}

function over(record: CallRecord, limited: Disposable): void {
  record.running = false;
  record.finish();
  limited[Symbol.dispose]();
}

/** Why what belongs to a call is aborted when it ends; the same for all, for a stack takes its time. */
const ended = callerLeft();

/** What a timer can hold: a call without a deadline has this one. */
const maxMs = 2 ** 31 - 1;

/** Aborted with another signal, or when a time is over. */
function limitedSignal(outer: AbortSignal, timeoutMs: number) {
  const own = new AbortController();
  const leave = () => own.abort(outer.reason);
  const late = setTimeout(() => {
    own.abort(new ConnectError('the time for the call ran out', Code.DeadlineExceeded));
  }, timeoutMs);
  if (outer.aborted) leave();
  else outer.addEventListener('abort', leave, { once: true });
  return {
    signal: own.signal,
    abort: () => own.abort(ended),
    [Symbol.dispose]() {
      clearTimeout(late);
      outer.removeEventListener('abort', leave);
    },
  };
}

/** Aborted when the answer can reach nobody any more, or everything ends. */
function untilGone(response: HttpResponse, ending: AbortSignal) {
  const gone = new AbortController();
  const leave = () => gone.abort(callerLeft());
  const end = () => gone.abort(ending.reason);
  response.once('close', leave);
  if (ending.aborted) end();
  else ending.addEventListener('abort', end, { once: true });
  return {
    signal: gone.signal,
    [Symbol.dispose]() {
      response.off('close', leave);
      ending.removeEventListener('abort', end);
    },
  };
}

function headersOf({ headers }: HttpRequest): Pick<Headers, 'get'> {
  return {
    get(name) {
      const value = headers[name.toLowerCase()];
      return value === undefined ? null : String(value);
    },
  };
}
