/** A promise of Weir's that is a time or a ratio, and how it is measured. */
export interface Promised {
  /** Its number, such as `P13`. */
  readonly id: string;
  /** What is promised, in a sentence. */
  readonly says: string;
  /** Measures it, against real parts; the signal ends it early. */
  measure(signal: AbortSignal): Promise<readonly Measured[]>;
}

/** One figure of a promise. */
export interface Measured {
  /** What was measured, such as "p99 of the others beside a bad provider". */
  readonly figure: string;
  readonly value: number;
  readonly unit: 'ms' | 's' | 'MiB' | 'ratio' | 'count';
  /** The most (or, with `atLeast`, the least) that keeps the promise. Left out: for information. */
  readonly limit?: number;
  readonly atLeast?: boolean;
}

/** Whether a figure keeps its promise. */
export function isKept({ value, limit, atLeast }: Measured): boolean {
  if (limit === undefined) return true;
  return atLeast === true ? value >= limit : value <= limit;
}
