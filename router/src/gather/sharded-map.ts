/**
 * How many entries a shard has, about. A Map that grows, or in which much was replaced, is copied as
 * a whole: some 50 ms at a million entries, and well below 1 ms at so many.
 */
const SHARD_ENTRIES = 4_096;

/** A map from texts of any size that never stops for long: it grows shard by shard (linear hashing). */
export class ShardedMap<V> {
  #size = 0;
  readonly #first = new Map<string, V>();
  /** A power of two; shards from here on were split off in this round. */
  #round = 1;
  readonly #shards: Map<string, V>[] = [this.#first];

  get size(): number {
    return this.#size;
  }

  get(key: string): V | undefined {
    return this.#shardOf(key).get(key);
  }

  set(key: string, value: V): void {
    const shard = this.#shardOf(key);
    const before = shard.size;
    shard.set(key, value);
    if (shard.size === before) return;
    this.#size++;
    if (this.#size > this.#shards.length * SHARD_ENTRIES) this.#split();
  }

  delete(key: string): void {
    if (this.#shardOf(key).delete(key)) this.#size--;
  }

  /** All of them; one may be deleted when its turn comes. */
  *values(): Generator<V> {
    for (const shard of this.#shards) yield* shard.values();
  }

  #shardOf(key: string): Map<string, V> {
    const count = this.#shards.length;
    return count === 1 ? this.#first : (this.#shards[this.#placeOf(key)] as Map<string, V>);
  }

  #placeOf(key: string): number {
    const hash = hashOf(key);
    const place = hash & (2 * this.#round - 1);
    return place < this.#shards.length ? place : place - this.#round;
  }

  /** Splits one shard in two, in turn. */
  #split(): void {
    const from = this.#shards[this.#shards.length - this.#round] as Map<string, V>;
    const to = new Map<string, V>();
    const place = this.#shards.push(to) - 1;
    for (const [key, value] of from) {
      if (this.#placeOf(key) !== place) continue;
      from.delete(key);
      to.set(key, value);
    }
    if (this.#shards.length === 2 * this.#round) this.#round *= 2;
  }
}

/**
 * Of the length, the last four characters and the middle one: enough to spread keys over shards.
 * Keys that differ elsewhere only share a shard, which is then as large as a plain Map would be.
 */
function hashOf(key: string): number {
  const { length } = key;
  // Where there is no such character, NaN counts as 0.
  const last = (key.charCodeAt(length - 1) | 0) + Math.imul(key.charCodeAt(length - 2) | 0, 31);
  const before = (key.charCodeAt(length - 3) | 0) + Math.imul(key.charCodeAt(length - 4) | 0, 31);
  const rest = length + Math.imul(key.charCodeAt(length >> 1) | 0, 31);
  const hash =
    Math.imul(last, 0x2c1b3c6d) ^ Math.imul(before, 0x297a2d39) ^ Math.imul(rest, 0x1b56c4e9);
  return hash ^ (hash >>> 15);
}
