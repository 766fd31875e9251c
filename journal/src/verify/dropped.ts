import type { EntryRange } from '@weir/sdk/gen/weir/audit/v1/audit_pb';

/** The bodies of a chain that were dropped by whoever may. */
export interface Dropped {
  add(ranges: readonly EntryRange[]): void;
  /** Whether the body at a position is one. Positions are asked for in ascending order. */
  covers(position: number): boolean;
}

interface Range {
  readonly first: number;
  readonly end: number;
}

/** Begins without any. */
export function createDropped(): Dropped {
  let ranges: Range[] = [];
  let at = 0;
  return {
    add(more) {
      const added = more.map(({ first, count }) => ({
        first: Number(first),
        end: Number(first + count),
      }));
      ranges = disjoint([...ranges, ...added]);
      at = 0;
    },
    covers(position) {
      while ((ranges[at]?.end ?? Number.POSITIVE_INFINITY) <= position) at += 1;
      const range = ranges[at];
      return range !== undefined && range.first <= position;
    },
  };
}

function disjoint(ranges: readonly Range[]): Range[] {
  const merged: Range[] = [];
  for (const range of ranges.toSorted((a, b) => a.first - b.first)) {
    const last = merged.at(-1);
    if (last === undefined || range.first > last.end) merged.push(range);
    else merged.splice(-1, 1, { first: last.first, end: Math.max(last.end, range.end) });
  }
  return merged;
}
