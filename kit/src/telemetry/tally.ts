import type { Attributes, Meter } from '@opentelemetry/api';

/** What a tally counts. */
export interface TallyOptions<K> {
  /** The name of the metric, without `_total`. */
  readonly name: string;
  /** What it counts, in a sentence. */
  readonly description: string;
  /** The labels of a series. There must be few: what callers name freely is no label. */
  readonly labels: (key: K) => Attributes;
  /** Series that are shown before anything was counted. */
  readonly shown?: readonly K[];
}

/** Counts something; returns the function that does it, which costs one look-up. */
export function createTally<K extends string | number>(
  meter: Meter,
  { name, description, labels, shown = [] }: TallyOptions<K>,
): (key: K, by?: number) => void {
  const series = new Map(shown.map((key) => [key, { labels: labels(key), count: 0 }]));
  meter.createObservableCounter(name, { description }).addCallback((result) => {
    for (const { labels: of, count } of series.values()) result.observe(count, of);
  });
  return (key, by = 1) => {
    const known = series.get(key);
    if (known) known.count += by;
    else series.set(key, { labels: labels(key), count: by });
  };
}
