import { middle, spread, table } from '../tables.ts';
import type { ListTimes } from './lists.ts';
import type { LoadResult, Operation } from './spec.ts';

/** All measurements of an operation by one subject, one for each repetition. */
export interface Row {
  readonly subject: string;
  readonly operation: Operation;
  /** As many under way as was asked for. */
  readonly saturated: Measured[];
  /** At the rate that is the same for all who are measured at it. */
  readonly atRate: Measured[];
}

/** A measurement, and what processors did meanwhile. */
export interface Measured extends LoadResult {
  /** CPU of the subject, with the server's, for each call. */
  readonly cpuUs: number;
  /** CPU that others took of the machine, of one core. */
  readonly foreignCpuShare: number;
  /** How often it was measured again because others were at work. */
  readonly disturbed: number;
}

const header = [
  ...['subject', 'calls/s', 'of direct', 'p50 ms', 'p99 ms', 'added ms', 'CPU µs each'],
  ...['load cpu', 'late ms'],
];

/** A table for each operation: medians, with the least and the greatest. */
export function tables(rows: readonly Row[], rate: (operation: Operation) => number): string {
  return [...Map.groupBy(rows, ({ operation }) => operation)]
    .map(([operation, own]) => {
      // What may be kept is compared with what is not: direct to the server there is no other.
      const direct = rows.find(
        (row) => row.subject === 'direct' && row.operation === baseOf(operation),
      );
      const title = `${operation}, and its times at ${Math.round(rate(operation))}/s`;
      return `${title}\n${table([header, ...own.map((row) => cells(row, direct))])}`;
    })
    .join('\n\n');
}

/** The operation that is the same but for its being kept. */
export function baseOf(operation: Operation): Operation {
  return operation === 'kept tool'
    ? 'tool'
    : operation === 'kept resource'
      ? 'resource'
      : operation;
}

function cells({ subject, saturated, atRate }: Row, direct: Row | undefined): string[] {
  const perSecond = saturated.map(({ callsPerSecond }) => callsPerSecond);
  const p99 = atRate.map(({ p99Ms }) => p99Ms);
  const floor = direct?.saturated.map(({ callsPerSecond }) => callsPerSecond) ?? [];
  const floorP99 = direct?.atRate.map(({ p99Ms }) => p99Ms) ?? [];
  const most = (of: (one: Measured) => number) => Math.max(...[...saturated, ...atRate].map(of));
  return [
    subject,
    spread(perSecond),
    (middle(perSecond) / middle(floor)).toFixed(2),
    spread(atRate.map(({ p50Ms }) => p50Ms)),
    spread(p99),
    (middle(p99) - middle(floorP99)).toFixed(2),
    spread(saturated.map(({ cpuUs }) => cpuUs)),
    most(({ cpu }) => cpu).toFixed(2),
    spread(atRate.map(({ lateMs }) => lateMs)),
  ];
}

/** How long lists of tools take. */
export function listsTable(lists: readonly ListTimes[]): string {
  const rows = lists.map(({ known, listed, p50Ms, p99Ms }) => [
    ...[`${known}`, `${listed}`, p50Ms.toFixed(2), p99Ms.toFixed(2)],
  ]);
  return table([['tools known', 'of the group', 'p50 ms', 'p99 ms'], ...rows]);
}
