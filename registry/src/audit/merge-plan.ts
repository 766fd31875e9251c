/** Rows from `start` to before `end` are to become one, which then is settled or not. */
export interface Merge {
  readonly start: number;
  readonly end: number;
  readonly settled: boolean;
}

/** A row that can still be merged. */
export interface Mergeable {
  readonly size: number;
  /** Whether nothing will come beside it any more. */
  readonly idle: boolean;
}

/** How full a row has to be to be left alone. */
export const FULL_SHARE = 0.75;
/** As many rows make it worth it to write them again. */
export const ROWS_MIN = 8;

/**
 * Which of the rows of one chain, oldest first, to merge up to `maxBytes`; undefined: none. As in a
 * log-structured merge tree, a row is only written again together with as much as it has itself,
 * so that each byte is written a few times at most, however small what comes is.
 */
export function planMerge(rows: readonly Mergeable[], maxBytes: number): Merge | undefined {
  let start = 0;
  let bytes = 0;
  for (const [at, { size }] of rows.entries()) {
    if (bytes + size > maxBytes && at > start) return { start, end: at, settled: true };
    bytes += size;
    if (bytes >= maxBytes * FULL_SHARE) return { start, end: at + 1, settled: true };
  }
  if (rows.length > 0 && rows.every((row) => row.idle)) {
    return { start, end: rows.length, settled: true };
  }
  start = tailStart(rows);
  return rows.length - start < ROWS_MIN ? undefined : { start, end: rows.length, settled: false };
}

/** Where the newest rows begin of which each is no larger than all newer ones together. */
function tailStart(rows: readonly Mergeable[]): number {
  let start = rows.length - 1;
  let newer = rows[start]?.size ?? 0;
  while (start > 0 && (rows[start - 1]?.size ?? 0) <= newer * 2) {
    start -= 1;
    newer += rows[start]?.size ?? 0;
  }
  return Math.max(start, 0);
}
