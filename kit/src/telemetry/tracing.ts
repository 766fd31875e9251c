import { context, propagation, type Tracer, trace } from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import type { SpanExporter } from '@opentelemetry/sdk-trace';
import type { Clock } from '../clock.ts';
import type { Logger } from '../log.ts';
import { createSampler } from './sampler.ts';
import { weirVersion } from './version.ts';

/** How a process traces its calls. */
export interface TracingOptions {
  /** The name of the service that traces show. */
  readonly service: string;
  /** Where spans are sent to, by OTLP over HTTP as JSON. Undefined: nothing is traced. */
  readonly url: string | undefined;
  /** The share of calls that are traced, of those that bring no trace; 0 to 1. */
  readonly share: number;
  /** How many calls a second are traced at most because their caller asks. Default: all. */
  readonly callerRate?: number | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The traces of a process. */
export interface Tracing extends AsyncDisposable {
  /** Begins spans. */
  readonly tracer: Tracer;
  /** Sends what waits to be sent; rejects when that cannot be done. */
  flush(): Promise<void>;
}

const queueMaxSpans = 2048;
const batchMaxSpans = 256;
const sendIntervalMs = 1000;
const sendTimeoutMs = 3000;
const farewellMs = 1000;
const limits = {
  attributeCountLimit: 32,
  attributeValueLengthLimit: 256,
  eventCountLimit: 32,
  linkCountLimit: 8,
};

/**
 * Opens the traces of a process; undefined when there is nowhere to send them, and then nothing
 * of it is even loaded. What cannot be sent is dropped: calls never wait for it. Others in the
 * process that use OpenTelemetry, such as its providers, join in, unless it is set up already.
 */
export async function openTracing(options: TracingOptions): Promise<Tracing | undefined> {
  const { url, service, clock, log } = options;
  if (url === undefined) return undefined;
  const { AsyncLocalStorageContextManager } = await import('@opentelemetry/context-async-hooks');
  const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-http');
  const { resourceFromAttributes } = await import('@opentelemetry/resources');
  const { BatchSpanProcessor, TracerProvider } = await import('@opentelemetry/sdk-trace');
  // It stays: calls may still be under way in it when the traces are closed.
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  const exporter = reporting(new OTLPTraceExporter({ url, timeoutMillis: sendTimeoutMs }), log);
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': service, 'service.version': weirVersion }),
    sampler: createSampler({
      share: options.share,
      callerRate: options.callerRate ?? Number.POSITIVE_INFINITY,
      clock,
    }),
    spanLimits: limits,
    spanProcessors: [
      new BatchSpanProcessor({
        exporter,
        maxQueueSize: queueMaxSpans,
        maxExportBatchSize: batchMaxSpans,
        scheduledDelayMillis: sendIntervalMs,
        exportTimeoutMillis: sendTimeoutMs,
      }),
    ],
  });
  const ours = trace.setGlobalTracerProvider(provider);
  if (ours) propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  return {
    tracer: provider.getTracer('weir', weirVersion),
    flush: () => provider.forceFlush(),
    async [Symbol.asyncDispose]() {
      if (ours) {
        trace.disable();
        propagation.disable();
      }
      const late = new Promise((resolve) => setTimeout(resolve, farewellMs).unref());
      await Promise.race([provider.shutdown().catch(() => {}), late]);
    },
  };
}

/** Says once that spans cannot be sent, and once that they can again. */
function reporting(exporter: SpanExporter, log: Logger): SpanExporter {
  let failing = false;
  return {
    export(spans, done) {
      exporter.export(spans, (result) => {
        const failed = result.code !== 0;
        if (failed && !failing) {
          log.warn({ err: result.error?.message }, 'traces cannot be sent; going on without them');
        } else if (!failed && failing) log.info('traces are sent again');
        failing = failed;
        done(result);
      });
    },
    forceFlush: async () => exporter.forceFlush?.(),
    shutdown: () => exporter.shutdown(),
  };
}
