import { spread, table } from '../tables.ts';
import type { Measurement } from './measure.ts';
import type { Durability } from './servers.ts';

/** All measurements of a subject with one way to keep events. */
export interface Row {
  readonly subject: string;
  readonly durability: Durability;
  /** How it keeps them, in its own words. */
  readonly keeps: string;
  /** At the fixed rate, one for each repetition. */
  readonly atRate: Measurement[];
  /** As quickly as it can. */
  readonly saturated: Measurement[];
}

/** The memory that subscriptions take in the process that serves them. */
export interface Memory {
  readonly subject: string;
  readonly beforeMb: number;
  readonly afterMb: number;
  readonly bytesPerSubscription: number;
}

const titles = {
  disk: 'acknowledged once it is on the disk',
  system: 'acknowledged once the operating system has it: lost only with the machine',
} as const;
const header = [
  ...['subject', 'p50 ms', 'p99 ms', 'µs each', 'deliveries/s', 'p99 ms then', 'µs each then'],
  ...['subject cpu', 'publisher cpu', 'listener cpu', 'missing', 'kept by'],
];

/** The tables, one for each way to keep events; medians, with the least and the greatest. */
export function tables(rows: readonly Row[]): string {
  return [...Map.groupBy(rows, ({ durability }) => durability)]
    .map(([durability, own]) => `${titles[durability]}\n${table([header, ...own.map(cells)])}`)
    .join('\n\n');
}

function cells({ subject, keeps, atRate, saturated }: Row): string[] {
  const most = (of: (one: Measurement) => number) => Math.max(...[...atRate, ...saturated].map(of));
  return [
    subject,
    spread(atRate.map(({ p50Ms }) => p50Ms)),
    spread(atRate.map(({ p99Ms }) => p99Ms)),
    spread(atRate.map(({ microsEach }) => microsEach)),
    spread(saturated.map(({ deliveriesPerSecond }) => deliveriesPerSecond)),
    spread(saturated.map(({ p99Ms }) => p99Ms)),
    spread(saturated.map(({ microsEach }) => microsEach)),
    most(({ cpu }) => cpu.subject).toFixed(2),
    most(({ cpu }) => cpu.publisher).toFixed(2),
    most(({ cpu }) => cpu.listener).toFixed(2),
    `${most(({ missing }) => missing)}`,
    keeps,
  ];
}

/** What a subscription takes. */
export function memoryTable(all: readonly Memory[]): string {
  const rows = all.map(({ subject, beforeMb, afterMb, bytesPerSubscription }) => [
    ...[subject, beforeMb.toFixed(1), afterMb.toFixed(1)],
    `${(bytesPerSubscription / 1024).toFixed(1)}`,
  ]);
  return table([['subject', 'MB before', 'MB after', 'KiB each'], ...rows]);
}
