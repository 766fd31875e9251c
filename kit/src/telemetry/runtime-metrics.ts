import {
  constants,
  monitorEventLoopDelay,
  type NodeGCPerformanceDetail,
  type PerformanceEntry,
  PerformanceObserver,
  performance,
} from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import { type Meter, ValueType } from '@opentelemetry/api';

const delayResolutionMs = 20;
const delayWindowMs = 15_000;
const nanosPerMs = 1e6;
const delayStats = [
  ['p50', 50],
  ['p99', 99],
  ['max', 100],
] as const;
const gcBucketsS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1];

/** Observes the thread's event loop, heap and garbage collections; returns how to stop. */
export function observeRuntime(meter: Meter): () => void {
  observeHeap(meter);
  const stopDelay = observeDelay(meter);
  const stopCollections = observeCollections(meter);
  return () => {
    stopDelay();
    stopCollections();
  };
}

function observeHeap(meter: Meter): void {
  const whole = { valueType: ValueType.INT };
  meter
    .createObservableGauge('nodejs_heap_used_bytes', { ...whole, description: 'Heap in use.' })
    .addCallback((result) => result.observe(getHeapStatistics().used_heap_size));
  meter
    .createObservableGauge('nodejs_heap_limit_bytes', {
      ...whole,
      description: 'How large the heap may grow.',
    })
    .addCallback((result) => result.observe(getHeapStatistics().heap_size_limit));
  meter
    .createObservableGauge('nodejs_external_memory_bytes', {
      ...whole,
      description: 'Memory held outside of the heap, such as buffers.',
    })
    .addCallback((result) => result.observe(getHeapStatistics().external_memory));
}

/**
 * The delay within windows of a fixed length, so that how often somebody looks changes nothing: a
 * look finds the worse of the last whole window and the present one.
 */
function observeDelay(meter: Meter): () => void {
  const histogram = monitorEventLoopDelay({ resolution: delayResolutionMs });
  histogram.enable();
  // What is measured is the time between two looks: a lap of a loop that is idle.
  const delayS = (percentile: number) =>
    Math.max(0, histogram.percentile(percentile) / nanosPerMs - delayResolutionMs) / 1000;
  let last = delayStats.map(() => 0);
  const turn = setInterval(() => {
    last = delayStats.map(([, percentile]) => delayS(percentile));
    histogram.reset();
  }, delayWindowMs).unref();
  meter
    .createObservableGauge('nodejs_event_loop_delay_seconds', {
      description: 'Delay of the event loop in the last 15 to 30 seconds: median, p99 and maximum.',
    })
    .addCallback((result) => {
      for (const [at, [stat, percentile]] of delayStats.entries()) {
        result.observe(Math.max(delayS(percentile), last[at] ?? 0), { stat });
      }
    });
  meter
    .createObservableCounter('nodejs_event_loop_active_seconds', {
      description: 'Time in which the event loop was at work; its rate is the utilisation.',
    })
    .addCallback((result) => result.observe(performance.eventLoopUtilization().active / 1000));
  return () => {
    clearInterval(turn);
    histogram.disable();
  };
}

const collectionKinds: ReadonlyMap<number | undefined, string> = new Map([
  [constants.NODE_PERFORMANCE_GC_MAJOR, 'major'],
  [constants.NODE_PERFORMANCE_GC_MINOR, 'minor'],
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL, 'incremental'],
  [constants.NODE_PERFORMANCE_GC_WEAKCB, 'weak_callbacks'],
]);

type GcEntry = PerformanceEntry & { readonly detail: NodeGCPerformanceDetail };

function observeCollections(meter: Meter): () => void {
  const durations = meter.createHistogram('nodejs_gc_duration_seconds', {
    description: 'The time of garbage collections, by kind.',
    advice: { explicitBucketBoundaries: gcBucketsS },
  });
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries() as GcEntry[]) {
      const kind = collectionKinds.get(entry.detail.kind) ?? 'other';
      durations.record(entry.duration / 1000, { kind });
    }
  });
  observer.observe({ entryTypes: ['gc'] });
  return () => observer.disconnect();
}
