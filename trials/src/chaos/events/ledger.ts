/** A numbered event, as a subscriber is told of it. */
export interface Heard {
  /** From 1. */
  readonly number: number;
  readonly key: string;
  readonly position: bigint;
}

/** What one subscriber was told, and what is wrong with it. */
export interface Ledger {
  /** Takes in the next event. */
  hear(event: Heard): void;
  /** Begins at an earlier place: what came may come again, but nothing new before it. */
  goOn(): void;
  /** Different events heard. */
  readonly count: number;
  /** Events that came again, at the position they had. */
  readonly duplicates: number;
  /** What came in another order than it was published in, or at positions that do not grow. */
  readonly reordered: readonly string[];
  /** Events that were published twice: at two positions. */
  readonly twice: readonly string[];
  /** Whether an event came. */
  has(number: number): boolean;
  /** Those of some numbers that never came. */
  missing(numbers: Iterable<number>): number[];
}

/** Opens the ledger of a subscriber. Of events of one key, greater numbers were published later. */
export function createLedger(): Ledger {
  const positions = new Map<number, bigint>();
  const lastOf = new Map<string, number>();
  const reordered: string[] = [];
  const twice: string[] = [];
  let last = 0n;
  let duplicates = 0;
  return {
    hear({ number, key, position }) {
      if (position <= last) reordered.push(`${number} at position ${position} came after ${last}`);
      last = position;
      const before = positions.get(number);
      if (before === position) duplicates += 1;
      else if (before !== undefined) twice.push(`${number} at positions ${before} and ${position}`);
      if (before !== undefined) return;
      positions.set(number, position);
      const earlier = lastOf.get(key) ?? 0;
      if (number < earlier) reordered.push(`${number} of ${key} came after ${earlier}`);
      else lastOf.set(key, number);
    },
    goOn() {
      last = 0n;
    },
    get count() {
      return positions.size;
    },
    get duplicates() {
      return duplicates;
    },
    reordered,
    twice,
    has: (number) => positions.has(number),
    missing: (numbers) => [...numbers].filter((number) => !positions.has(number)),
  };
}
