/** A source of chance that gives the same for the same seed. */
export interface Random {
  /** From 0 up to, and without, 1. */
  next(): number;
  /** From 0 up to, and without, a number. */
  below(count: number): number;
  /** True with a probability. */
  chance(probability: number): boolean;
  /** One of a list that is not empty. */
  pick<Value>(list: readonly Value[]): Value;
  /** From `least` to `most` of a list, each once at most. */
  some<Value>(list: readonly Value[], least: number, most: number): Value[];
}

/** Makes a source of chance: mulberry32, good enough for tests and for nothing else. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (count: number) => Math.floor(next() * count);
  return {
    next,
    below,
    chance: (probability) => next() < probability,
    pick<Value>(list: readonly Value[]) {
      return list[below(list.length)] as Value;
    },
    some(list, least, most) {
      const count = Math.min(list.length, least + below(most - least + 1));
      const left = [...list];
      return Array.from({ length: count }, () => left.splice(below(left.length), 1)).flat();
    },
  };
}
