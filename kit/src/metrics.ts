import { monitorEventLoopDelay } from 'node:perf_hooks';
import { type Meter, ValueType } from '@opentelemetry/api';
import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';

const eventLoopResolutionMs = 20;
const nanosPerSecond = 1e9;
/** No prefix, no timestamps, no labels of the resource, no target_info, no names of scopes. */
const serializer = new PrometheusSerializer('', false, undefined, true, true);

/** The metrics of a process. */
export interface Metrics {
  /** Where instruments are created. */
  readonly meter: Meter;
  /** Records one call that was served. `code` is the name of a gRPC code, such as "OK". */
  recordCall(method: string, code: string, seconds: number): void;
  /** All metrics in the text format of Prometheus. */
  text(): Promise<string>;
  /** Stops collecting. */
  shutdown(): Promise<void>;
}

/** Creates the metrics of a process, with gauges of the Node runtime and a histogram of calls. */
export function createMetrics(service: string): Metrics {
  const reader = new PrometheusExporter({ preventServerStart: true });
  const provider = new MeterProvider({ readers: [reader] });
  const meter = provider.getMeter(service);
  const stopRuntime = observeRuntime(meter);
  const calls = meter.createHistogram('rpc_server_duration_seconds', {
    description: 'The time of calls served, by method and code.',
    advice: { explicitBucketBoundaries: callBucketsS },
  });
  return {
    meter,
    recordCall: (method, code, seconds) => calls.record(seconds, { method, code }),
    async text() {
      const { resourceMetrics } = await reader.collect();
      return serializer.serialize(resourceMetrics);
    },
    async shutdown() {
      stopRuntime();
      await provider.shutdown();
    },
  };
}

const callBucketsS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60,
];

function observeRuntime(meter: Meter): () => void {
  const delay = monitorEventLoopDelay({ resolution: eventLoopResolutionMs });
  delay.enable();
  const whole = { valueType: ValueType.INT };
  meter
    .createObservableGauge('nodejs_heap_used_bytes', { ...whole, description: 'Heap in use.' })
    .addCallback((result) => result.observe(process.memoryUsage().heapUsed));
  meter
    .createObservableGauge('nodejs_rss_bytes', { ...whole, description: 'Memory of the process.' })
    .addCallback((result) => result.observe(process.memoryUsage.rss()));
  meter
    .createObservableGauge('nodejs_event_loop_delay_seconds', {
      description: 'Delay of the event loop since the last look, by quantile.',
    })
    .addCallback((result) => {
      for (const quantile of [50, 99, 100]) {
        // What is measured is the time between two looks: a lap of a loop that is idle.
        const seconds = delay.percentile(quantile) / nanosPerSecond - eventLoopResolutionMs / 1000;
        result.observe(Math.max(0, seconds), { quantile: String(quantile / 100) });
      }
      delay.reset();
    });
  meter
    .createObservableCounter('process_cpu_seconds', { description: 'Time of the processor.' })
    .addCallback((result) => {
      const { user, system } = process.cpuUsage();
      result.observe((user + system) / 1e6);
    });
  return () => delay.disable();
}
