import type { Kept } from './kept.ts';

/** How many visited ones are passed over, at most, for one to leave: the walk is a pause. */
const PASSED_MAX = 1_024;
/**
 * How many times the cache's fill may go through it before the hand begins anew: for so long
 * stays what was asked for again, but nobody asks for now.
 */
export const STORM_FILLS_MAX = 4;

/**
 * Chooses who leaves (SIEVE; Zhang et al., NSDI 2024): a hand goes from the oldest to the
 * newest, and takes the first that nobody asked for since it came by last. A hit writes one bit
 * and moves nothing; what is asked for once passes through without driving out the rest. In the
 * paper the hand comes back when it has reached the newest, which it never does while all that
 * comes is new: here it begins anew after so many, else what was once popular would stay for ever.
 */
export class Sieve {
  #newest: Kept | undefined;
  #oldest: Kept | undefined;
  #hand: Kept | undefined;
  #size = 0;
  /** How many were chosen since the hand began at the oldest. */
  #chosen = 0;

  /** Adds one, as the newest. */
  add(kept: Kept): void {
    const before = this.#newest;
    kept.older = before;
    if (before) before.newer = kept;
    else this.#oldest = kept;
    this.#newest = kept;
    this.#size++;
  }

  /** Takes one out. */
  remove(kept: Kept): void {
    const { newer, older } = kept;
    if (this.#hand === kept) this.#hand = newer;
    if (newer) newer.older = older;
    else this.#newest = older;
    if (older) older.newer = newer;
    else this.#oldest = newer;
    // One that has gone must not keep others alive.
    kept.newer = undefined;
    kept.older = undefined;
    this.#size--;
  }

  /** The one that is to leave next; undefined: there is none. It stays until it is removed. */
  choose(): Kept | undefined {
    if (this.#chosen >= this.#size * STORM_FILLS_MAX) this.#hand = undefined;
    let kept = this.#hand ?? this.#begin();
    for (let passed = 0; kept?.visited && passed < PASSED_MAX; passed++) {
      kept.visited = false;
      kept = kept.newer ?? this.#begin();
    }
    this.#chosen++;
    this.#hand = kept;
    return kept;
  }

  #begin(): Kept | undefined {
    this.#chosen = 0;
    return this.#oldest;
  }
}
