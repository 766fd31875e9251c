import { type Meter, ValueType } from '@opentelemetry/api';
import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { createHistogram, type Histogram, type HistogramOptions } from './telemetry/histogram.ts';
import { observeProcess } from './telemetry/process-metrics.ts';
import { observeRuntime } from './telemetry/runtime-metrics.ts';
import { weirVersion } from './telemetry/version.ts';

/** No prefix, no timestamps, the service as a label, no target_info, no names of scopes. */
const serializer = new PrometheusSerializer('', false, /^service$/, true, true);

/** The metrics of a process, or of a service in a thread of it. */
export interface Metrics {
  /** Where instruments are created. */
  readonly meter: Meter;
  /** Adds a histogram for the hot path, whose series have up to two labels. */
  histogram(options: HistogramOptions, ...labelNames: readonly string[]): Histogram;
  /** A call has begun. */
  callBegan(method: string): void;
  /** A call that had begun is over. */
  callEnded(method: string): void;
  /** Records one call that was served. `code` is the name of a gRPC code, such as "OK". */
  recordCall(method: string, code: string, seconds: number): void;
  /** All metrics in the text format of Prometheus. */
  text(): Promise<string>;
  /** Stops collecting. */
  shutdown(): Promise<void>;
}

/** How metrics are made. */
export interface MetricsOptions {
  /**
   * Whether those of the whole process are among them: memory, processor, descriptors. Not for a
   * service in a thread, whose process tells its own. Default: true.
   */
  readonly process?: boolean;
}

/** Creates the metrics of a service: of its runtime, its calls, and what is added to `meter`. */
export function createMetrics(service: string, options: MetricsOptions = {}): Metrics {
  const reader = new PrometheusExporter({ preventServerStart: true });
  const resource = resourceFromAttributes({ service });
  const provider = new MeterProvider({ readers: [reader], resource });
  const meter = provider.getMeter(service);
  observeBuild(meter);
  const stopRuntime = observeRuntime(meter);
  if (options.process !== false) observeProcess(meter);
  const underWay = observeUnderWay(meter);
  const histograms: Histogram[] = [];
  const histogram: Metrics['histogram'] = (of, ...labelNames) => {
    const made = createHistogram(of, ...labelNames);
    histograms.push(made);
    return made;
  };
  const calls = histogram(
    {
      name: 'rpc_server_duration_seconds',
      description: 'The time of calls served, by method and code.',
      boundaries: callBucketsS,
    },
    'method',
    'code',
  );
  return {
    ...{ meter, histogram },
    callBegan: (method) => underWay(method, 1),
    callEnded: (method) => underWay(method, -1),
    recordCall: (method, code, seconds) => calls.record(seconds, method, code),
    async text() {
      const { resourceMetrics } = await reader.collect();
      const metrics = histograms.map((one) => one.data()).filter(({ dataPoints }) => dataPoints[0]);
      const own = { scope: { name: service }, metrics };
      const scopeMetrics = [...resourceMetrics.scopeMetrics, own];
      return serializer.serialize({ ...resourceMetrics, scopeMetrics });
    },
    async shutdown() {
      stopRuntime();
      await provider.shutdown();
    },
  };
}

/** The buckets of times, in seconds, from a hit in memory to a call that hangs. */
export const callBucketsS: number[] = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60,
];

function observeBuild(meter: Meter): void {
  meter
    .createObservableGauge('weir_build_info', {
      description: 'Always 1; the labels say what runs.',
      valueType: ValueType.INT,
    })
    .addCallback((result) => result.observe(1, { version: weirVersion, node: process.version }));
}

function observeUnderWay(meter: Meter): (method: string, by: number) => void {
  const counts = new Map<string, number>();
  meter
    .createObservableGauge('rpc_server_active_calls', {
      description: 'Calls under way, streams among them, by method.',
      valueType: ValueType.INT,
    })
    .addCallback((result) => {
      for (const [method, count] of counts) result.observe(count, { method });
    });
  return (method, by) => void counts.set(method, (counts.get(method) ?? 0) + by);
}
