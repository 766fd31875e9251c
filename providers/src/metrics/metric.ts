import type { PayloadOf } from '@weir/sdk';
import type { Family, Sample } from './exposition.ts';

/** The value of a metric, as callers get it. */
export type Metric = PayloadOf<'Metric'>;
type Series = Metric['series'][number];
type Point = Series['points'][number];
type Value = Extract<Point, { value: unknown }>['value'];

/** Series are left out once a metric takes more than this: values are at most 4 MiB. */
const maxSeriesBytes = 3 * 1024 * 1024;

const types = {
  counter: 'counter',
  gauge: 'gauge',
  histogram: 'histogram',
  gaugehistogram: 'histogram',
  summary: 'summary',
  info: 'gauge',
  stateset: 'gauge',
  unknown: 'unknown',
} as const;

/** Makes the value of a metric. `scraped` is when samples that do not say were taken. */
export function toMetric(name: string, family: Family, scraped: Date): Metric {
  const unit = unitOf(family);
  const whole = toSeries(family, scraped);
  // A histogram or summary with parts missing is told as the plain numbers that it is.
  const type = whole ? types[family.type] : 'unknown';
  const { series, truncated } = bounded(whole ?? plainSeries(family, scraped));
  return {
    name,
    type,
    ...(unit && { unit }),
    ...(family.help && { description: family.help }),
    series,
    ...(truncated && { truncated }),
  };
}

function bounded(all: readonly Series[]): { series: Series[]; truncated: boolean } {
  const series: Series[] = [];
  let bytes = 0;
  for (const each of all) {
    bytes += Buffer.byteLength(JSON.stringify(each));
    if (bytes > maxSeriesBytes) return { series, truncated: true };
    series.push(each);
  }
  return { series, truncated: false };
}

function toSeries(family: Family, scraped: Date): Series[] | undefined {
  const type = types[family.type];
  switch (type) {
    case 'counter':
    case 'gauge':
    case 'unknown':
      return plainSeries(family, scraped);
    case 'histogram':
      return pointSeries(family, scraped, 'le', toHistogram);
    case 'summary':
      return pointSeries(family, scraped, 'quantile', toSummary);
    default:
      return type satisfies never;
  }
}

/** One point for each sample. A sample under another name than its family's tells it as a label. */
function plainSeries(family: Family, scraped: Date): Series[] {
  const created = createdBy(family);
  return family.samples
    .filter(({ name }) => name !== `${family.name}_created`)
    .map((sample) => {
      const isOwn = ownNames(family).includes(sample.name);
      const labels = isOwn ? { ...sample.labels } : { __name__: sample.name, ...sample.labels };
      const startTimestamp = created.get(seriesKey(sample.labels));
      const value = toValue(sample.value);
      const point = { timestamp: timeOf([sample], scraped), value };
      return { labels, points: [{ ...point, ...(startTimestamp && { startTimestamp }) }] };
    });
}

function ownNames({ name }: Family): string[] {
  return [name, `${name}_total`, `${name}_info`];
}

/** The samples of one set of labels, of a metric whose points have parts. */
interface Parts {
  readonly samples: readonly Sample[];
  /** The sample of the family's name with this suffix. */
  of(...suffixes: readonly string[]): Sample | undefined;
}

type PointParts = DistributedOmit<Exclude<Point, { value: unknown }>, 'timestamp'>;
type DistributedOmit<T, Name extends PropertyKey> = T extends unknown ? Omit<T, Name> : never;

/** One point for each set of labels, `part` aside; `undefined` when one of them is not whole. */
function pointSeries(
  family: Family,
  scraped: Date,
  part: string,
  toPoint: (parts: Parts, family: Family) => PointParts | undefined,
): Series[] | undefined {
  const created = createdBy(family);
  const groups = Map.groupBy(family.samples, ({ labels }) => seriesKey(without(labels, part)));
  const series: Series[] = [];
  for (const [key, samples] of groups) {
    const of = (...suffixes: readonly string[]) =>
      samples.find(({ name }) => suffixes.some((suffix) => name === `${family.name}${suffix}`));
    const point = toPoint({ samples, of }, family);
    if (!point) return undefined;
    const startTimestamp = created.get(key);
    const times = {
      timestamp: timeOf(samples, scraped),
      ...(startTimestamp && { startTimestamp }),
    };
    series.push({
      labels: without(samples[0]?.labels ?? {}, part),
      points: [{ ...times, ...point }],
    });
  }
  return series;
}

function toHistogram({ samples, of }: Parts, family: Family): PointParts | undefined {
  const buckets = samples
    .filter(({ name }) => name === `${family.name}_bucket`)
    .map(({ labels, value }) => ({ bound: toBound(labels.le), count: value }))
    .sort((a, b) => a.bound - b.bound);
  const count = of('_count', '_gcount')?.value ?? buckets.at(-1)?.count;
  const sum = of('_sum', '_gsum');
  if (!isCount(count) || !buckets.every(({ bound, count }) => isBound(bound) && isCount(count))) {
    return undefined;
  }
  return {
    count,
    ...(sum && { sum: toValue(sum.value) }),
    buckets: buckets.map(({ bound, count }) => ({
      upperBound: bound === Number.POSITIVE_INFINITY ? '+Inf' : bound,
      count,
    })),
  };
}

function toBound(text: string | undefined): number {
  return text === '+Inf' || text === 'Inf' ? Number.POSITIVE_INFINITY : Number(text || Number.NaN);
}

function isBound(bound: number): boolean {
  return bound === Number.POSITIVE_INFINITY || Number.isFinite(bound);
}

function toSummary({ samples, of }: Parts, family: Family): PointParts | undefined {
  const quantiles = samples
    .filter(({ name, labels }) => name === family.name && labels.quantile !== undefined)
    .map(({ labels, value }) => ({ quantile: Number(labels.quantile || Number.NaN), value }))
    .sort((a, b) => a.quantile - b.quantile);
  const count = of('_count')?.value;
  const sum = of('_sum');
  if (!isCount(count) || !quantiles.every(({ quantile }) => quantile >= 0 && quantile <= 1)) {
    return undefined;
  }
  return {
    count,
    ...(sum && { sum: toValue(sum.value) }),
    quantiles: quantiles.map(({ quantile, value }) => ({ quantile, value: toValue(value) })),
  };
}

function isCount(count: number | undefined): count is number {
  return count !== undefined && Number.isFinite(count) && count >= 0;
}

/** Since when the series count, where OpenMetrics says so. */
function createdBy(family: Family): ReadonlyMap<string, string> {
  const created = family.samples.filter(({ name }) => name === `${family.name}_created`);
  return new Map(
    created.flatMap(({ labels, value }) => {
      const date = new Date(value * 1000);
      return isInCalendar(date) ? [[seriesKey(labels), date.toISOString()]] : [];
    }),
  );
}

function timeOf(samples: readonly Sample[], scraped: Date): string {
  const ms = samples.find(({ timestampMs }) => timestampMs !== undefined)?.timestampMs;
  const date = ms === undefined ? scraped : new Date(ms);
  return (isInCalendar(date) ? date : scraped).toISOString();
}

/** RFC 3339 writes years with four digits. */
function isInCalendar(date: Date): boolean {
  const year = date.getUTCFullYear();
  return year >= 0 && year <= 9999;
}

function toValue(value: number): Value {
  if (Number.isNaN(value)) return 'NaN';
  if (Number.isFinite(value)) return value;
  return value > 0 ? '+Inf' : '-Inf';
}

function seriesKey(labels: Readonly<Record<string, string>>): string {
  return JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function without(labels: Readonly<Record<string, string>>, name: string): Record<string, string> {
  const { [name]: _, ...rest } = labels;
  return rest;
}

/** Prometheus names units in full, UCUM in short. */
const units: Readonly<Record<string, string>> = {
  seconds: 's',
  milliseconds: 'ms',
  minutes: 'min',
  hours: 'h',
  days: 'd',
  bytes: 'By',
  bits: 'bit',
  ratio: '1',
  percent: '%',
  meters: 'm',
  metres: 'm',
  grams: 'g',
  joules: 'J',
  watts: 'W',
  volts: 'V',
  amperes: 'A',
  celsius: 'Cel',
  kelvin: 'K',
  hertz: 'Hz',
};

/** As declared, else as the name ends (https://prometheus.io/docs/practices/naming/). */
function unitOf({ name, unit }: Family): string | undefined {
  if (unit !== '') return units[unit] ?? unit;
  const last =
    name
      .replace(/_(total|info)$/, '')
      .split('_')
      .at(-1) ?? '';
  return Object.hasOwn(units, last) ? units[last] : undefined;
}
