import type { Interceptor } from '@connectrpc/connect';
import {
  type Attributes,
  type Context,
  context,
  createContextKey,
  defaultTextMapSetter,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  type SpanOptions,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';

export { SpanKind };

const tracerKey = createContextKey('weir tracer');
const propagator = new W3CTraceContextPropagator();

/** A part of a call, as traces show it. */
export interface OpenSpan {
  /** Runs something as this part: spans, log lines and calls that begin in it belong to it. */
  run<T>(part: () => T): T;
  /** Says more of it. Never a key, a payload or a credential. */
  set(attributes: Attributes): void;
  /** Says that it did not succeed, and why: a word from a fixed list, never a text. */
  fail(why: string): void;
  /** It is over. */
  end(): void;
}

/** Stands for parts of calls that are not traced. */
export const noSpan: OpenSpan = { run: (part) => part(), set() {}, fail() {}, end() {} };

/** Begins a part of the call under way; `noSpan` when that call is not traced. */
export function beginSpan(name: string, options: SpanOptions = {}): OpenSpan {
  const active = context.active();
  const tracer = active.getValue(tracerKey) as Tracer | undefined;
  if (tracer === undefined || trace.getSpan(active)?.isRecording() !== true) return noSpan;
  return openSpan(tracer.startSpan(name, options, active), active);
}

/** Notes that something happened to the part of a call that is under way, if it is traced. */
export function spanEvent(name: string, attributes?: Attributes): void {
  trace.getActiveSpan()?.addEvent(name, attributes);
}

/** Begins the span of a call that was received; spans within it are found by its context. */
export function beginRoot(
  tracer: Tracer,
  name: string,
  {
    attributes,
    header,
  }: { readonly attributes: Attributes; readonly header: Pick<Headers, 'get'> },
): OpenSpan {
  const brought = propagator.extract(ROOT_CONTEXT, header, {
    get: (from, key) => from.get(key) ?? undefined,
    // Headers are asked for by name.
    keys: () => [],
  });
  const span = tracer.startSpan(name, { kind: SpanKind.SERVER, attributes }, brought);
  return openSpan(span, brought.setValue(tracerKey, tracer));
}

/** Passes the trace of the call under way on, with every call that a transport makes. */
export const passTrace: Interceptor = (next) => (request) => {
  const carrier: Record<string, string> = {};
  propagator.inject(context.active(), carrier, defaultTextMapSetter);
  for (const [name, value] of Object.entries(carrier)) request.header.set(name, value);
  return next(request);
};

function openSpan(span: Span, parent: Context): OpenSpan {
  const within = trace.setSpan(parent, span);
  return {
    run: (part) => context.with(within, part),
    set: (attributes) => void span.setAttributes(attributes),
    fail(why) {
      span.setAttribute('error.type', why).setStatus({ code: SpanStatusCode.ERROR });
    },
    end: () => span.end(),
  };
}
