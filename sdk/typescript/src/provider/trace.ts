import type { IncomingHttpHeaders } from 'node:http2';
import type { DescMethod } from '@bufbuild/protobuf';
import { Code, ConnectError, type Interceptor } from '@connectrpc/connect';
import {
  context,
  isSpanContextValid,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type TextMapGetter,
  trace,
} from '@opentelemetry/api';
import { Health } from '../gen/health/v1/health_pb.ts';

/**
 * Continues the trace of a router with a span of the provider's own, in which its functions run.
 * It is recorded when the process has set OpenTelemetry up, and costs next to nothing else.
 */
export const traceCalls: Interceptor = (next) => async (request) => {
  const { service, method, header } = request;
  if (service.typeName === Health.typeName) return next(request);
  const { span, run } = begin(method, header, {
    get: (from, name) => from.get(name) ?? undefined,
    keys: (from) => [...from.keys()],
  });
  try {
    const response = await run(() => next(request));
    if (response.stream) return { ...response, message: untilEnd(response.message, span, run) };
    end(span);
    return response;
  } catch (error) {
    end(span, error);
    throw error;
  }
};

/** The same for a call whose messages are made here. */
export function traceMessages<T>(
  { method, headers }: { readonly method: DescMethod; readonly headers: IncomingHttpHeaders },
  make: () => AsyncIterable<T>,
): AsyncIterable<T> {
  const { span, run } = begin(method, headers, {
    get: (from, name) => from[name],
    keys: (from) => Object.keys(from),
  });
  // Nobody collects traces here.
  if (!isSpanContextValid(span.spanContext())) return make();
  return untilEnd(run(make), span, run);
}

interface Traced {
  readonly span: Span;
  /** Runs something within the span. */
  run<T>(part: () => T): T;
}

function begin<Carrier>(
  { name, parent: service }: DescMethod,
  carrier: Carrier,
  getter: TextMapGetter<Carrier>,
): Traced {
  const brought = propagation.extract(ROOT_CONTEXT, carrier, getter);
  const attributes = {
    'rpc.system': 'grpc',
    'rpc.service': service.typeName,
    'rpc.method': name,
  };
  const span = trace
    .getTracer('@weir/sdk')
    .startSpan(`${service.typeName}/${name}`, { kind: SpanKind.SERVER, attributes }, brought);
  const within = trace.setSpan(brought, span);
  return { span, run: (part) => context.with(within, part) };
}

/** Each message is made within the span, which ends with the last. */
async function* untilEnd<T>(
  messages: AsyncIterable<T>,
  span: Span,
  run: <R>(part: () => R) => R,
): AsyncGenerator<T> {
  const iterator = messages[Symbol.asyncIterator]();
  let isOver = false;
  let failure: unknown;
  try {
    for (;;) {
      const next = await run(() => iterator.next());
      if (next.done === true) {
        isOver = true;
        return;
      }
      yield next.value;
    }
  } catch (error) {
    isOver = true;
    failure = error;
    throw error;
  } finally {
    end(span, isOver ? failure : new ConnectError('the router left', Code.Canceled));
    await iterator.return?.();
  }
}

/** The code only: the text of an error may hold a key. */
function end(span: Span, error?: unknown): void {
  const code = error === undefined ? 0 : ConnectError.from(error).code;
  span.setAttribute('rpc.grpc.status_code', code);
  if (error !== undefined) {
    span.setAttribute('error.type', Code[code] ?? 'Unknown');
    span.setStatus({ code: SpanStatusCode.ERROR });
  }
  span.end();
}
