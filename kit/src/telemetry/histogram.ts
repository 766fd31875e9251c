import { ValueType } from '@opentelemetry/api';
import {
  AggregationTemporality,
  DataPointType,
  type HistogramMetricData,
  InstrumentType,
} from '@opentelemetry/sdk-metrics';

/** What a histogram shows. */
export interface HistogramOptions {
  /** The name of the metric. */
  readonly name: string;
  /** What it shows, in a sentence. */
  readonly description: string;
  /** The upper bounds of its buckets, rising; there is one more for what lies beyond. */
  readonly boundaries: readonly number[];
}

/** A histogram that costs some additions for each value, where an instrument makes objects. */
export interface Histogram {
  /** Counts a value in the series of these labels. There must be few series. */
  record(value: number, first?: string, second?: string): void;
  /** What was counted so far. */
  data(): HistogramMetricData;
}

/** The values of one set of labels. */
class Series {
  readonly labels: readonly string[];
  readonly counts: Float64Array;
  sum = 0;
  count = 0;
  min = Number.POSITIVE_INFINITY;
  max = Number.NEGATIVE_INFINITY;

  constructor(labels: readonly string[], buckets: number) {
    this.labels = labels;
    this.counts = new Float64Array(buckets);
  }
}

/** Makes a histogram whose series have up to two labels, by these names. */
export function createHistogram(
  { name, description, boundaries }: HistogramOptions,
  ...labelNames: readonly string[]
): Histogram {
  const series = new Map<string, Map<string, Series>>();
  const startTime = hrTime(performance.timeOrigin);
  /** The one that was counted last: most values are of the same. */
  let last: Series | undefined;
  const seriesOf = (first: string, second: string): Series => {
    const byFirst = series.get(first) ?? new Map<string, Series>();
    series.set(first, byFirst);
    const known = byFirst.get(second) ?? new Series([first, second], boundaries.length + 1);
    byFirst.set(second, known);
    return known;
  };
  // Of what has no labels it is known which series there will be.
  if (labelNames.length === 0) seriesOf('', '');
  return {
    record(value, first = '', second = '') {
      if (last?.labels[0] !== first || last.labels[1] !== second) last = seriesOf(first, second);
      let bucket = 0;
      while (bucket < boundaries.length && value > (boundaries[bucket] as number)) bucket += 1;
      last.counts[bucket] = (last.counts[bucket] as number) + 1;
      last.count += 1;
      last.sum += value;
      if (value < last.min) last.min = value;
      if (value > last.max) last.max = value;
    },
    data() {
      const all = [...series.values()].flatMap((byFirst) => [...byFirst.values()]);
      const descriptor = { name, description, unit: '', valueType: ValueType.DOUBLE, advice: {} };
      return {
        descriptor: { ...descriptor, type: InstrumentType.HISTOGRAM },
        aggregationTemporality: AggregationTemporality.CUMULATIVE,
        dataPointType: DataPointType.HISTOGRAM,
        dataPoints: all.map(({ labels, counts, sum, count, min, max }) => ({
          ...{ startTime, endTime: hrTime(performance.timeOrigin + performance.now()) },
          attributes: Object.fromEntries(labelNames.map((label, at) => [label, labels[at] ?? ''])),
          value: {
            buckets: { boundaries: [...boundaries], counts: [...counts] },
            sum,
            count,
            min,
            max,
          },
        })),
      };
    },
  };
}

/** Seconds since 1970, and nanoseconds. */
function hrTime(ms: number): [number, number] {
  const seconds = Math.floor(ms / 1000);
  return [seconds, Math.round((ms - seconds * 1000) * 1e6)];
}
