/** Numbers from 0 (included) to 1 (not included), the same ones for the same seed (mulberry32). */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * Draws ranks by Zipf's law with exponent 1: rank 0 twice as often as rank 1, three times as often
 * as rank 2, and so on up to `ranks` (not included).
 */
export function createZipf(ranks: number, random: () => number): () => number {
  const upTo = new Float64Array(ranks);
  let sum = 0;
  for (let rank = 0; rank < ranks; rank += 1) {
    sum += 1 / (rank + 1);
    upTo[rank] = sum;
  }
  return () => firstAbove(upTo, random() * sum);
}

/** The place of the first that is greater, by halving; the last one is. */
function firstAbove(sorted: Float64Array, value: number): number {
  let from = 0;
  let to = sorted.length - 1;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((sorted[middle] as number) > value) to = middle;
    else from = middle + 1;
  }
  return from;
}
