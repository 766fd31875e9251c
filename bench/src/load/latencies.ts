import { build, type Histogram } from 'hdr-histogram-js';
import type { Latency, Moment } from '../model.ts';

/** What takes longer counts as this. */
const longestMs = 120_000;
const usPerMs = 1_000;
export const sliceMs = 100;
/** In slices: what adding up fractions of milliseconds is wrong by, at most. */
const hair = 1e-6;

/** Latencies, in microseconds and three digits. */
export class Latencies {
  readonly #histogram: Histogram;
  #maxMs = 0;

  constructor(digits: 2 | 3) {
    this.#histogram = build({
      bitBucketSize: 32,
      autoResize: false,
      lowestDiscernibleValue: 1,
      highestTrackableValue: longestMs * usPerMs,
      numberOfSignificantValueDigits: digits,
      useWebAssembly: false,
    });
  }

  get count(): number {
    return this.#histogram.totalCount;
  }

  get maxMs(): number {
    return this.#maxMs;
  }

  record(ms: number): void {
    if (ms > this.#maxMs) this.#maxMs = ms;
    this.#histogram.recordValue(Math.round(Math.min(Math.max(ms, 0), longestMs) * usPerMs));
  }

  /** The value below which so many percent lie, never above the greatest one. 0: there are none. */
  at(percentile: number): number {
    const ms = this.#histogram.getValueAtPercentile(percentile) / usPerMs;
    return Math.min(ms, this.#maxMs);
  }

  summary(): Latency {
    return {
      p50Ms: this.at(50),
      p90Ms: this.at(90),
      p99Ms: this.at(99),
      p999Ms: this.at(99.9),
      maxMs: this.#maxMs,
      meanMs: this.#histogram.mean / usPerMs,
      count: this.count,
      curve: curvePercentiles.map((percentile) => [percentile, this.at(percentile)] as const),
    };
  }
}

const pointsPerNine = 10;
const nines = 5;

/** From 0 to 99.999, ever closer, as a plot with a logarithmic scale wants them. */
const curvePercentiles = Array.from({ length: nines * pointsPerNine + 1 }, (_, index) =>
  Number((100 * (1 - 10 ** (-index / pointsPerNine))).toFixed(6)),
);

/** Latencies over time: one histogram for each tenth of a second. */
export class LatenciesOverTime {
  readonly #slices: (Latencies | undefined)[] = [];

  /** Records a latency of a call that was to begin so long after the first. */
  record(atMs: number, ms: number): void {
    // Times are sums of fractions: one that is a hair short of a slice is in it.
    const index = Math.floor(atMs / sliceMs + hair);
    let slice = this.#slices[index];
    if (slice === undefined) {
      slice = new Latencies(2);
      this.#slices[index] = slice;
    }
    slice.record(ms);
  }

  /** All slices from the first one to the last one that has calls. */
  moments(): Moment[] {
    return Array.from(this.#slices, (slice, index) => ({
      atMs: index * sliceMs,
      calls: slice?.count ?? 0,
      p50Ms: slice?.at(50) ?? 0,
      p99Ms: slice?.at(99) ?? 0,
      maxMs: slice?.maxMs ?? 0,
    }));
  }
}
