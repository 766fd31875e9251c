/** A collection is made anew after so many entries have left it, and no fewer than it holds. */
const RENEW_AFTER = 32;

/**
 * A Map whose entries come and go, such as the calls under way. A plain one keeps much of what has gone
 * from the collector of the young: its table is replaced again and again, and each one refers to the next
 * (docs/decisions/transient-collections.md). This one is begun anew now and then. Whoever looks through it sees
 * no entry that was deleted meanwhile.
 */
export class TransientMap<K, V> {
  #entries = new Map<K, V>();
  #gone = 0;

  get size(): number {
    return this.#entries.size;
  }

  get(key: K): V | undefined {
    return this.#entries.get(key);
  }

  has(key: K): boolean {
    return this.#entries.has(key);
  }

  set(key: K, value: V): void {
    this.#entries.set(key, value);
  }

  /** Whether there was one. */
  delete(key: K): boolean {
    if (!this.#entries.delete(key)) return false;
    this.#gone += 1;
    if (this.#gone >= RENEW_AFTER && this.#gone >= this.#entries.size) {
      this.#entries = new Map(this.#entries);
      this.#gone = 0;
    }
    return true;
  }

  clear(): void {
    this.#entries = new Map();
    this.#gone = 0;
  }

  *values(): Generator<V> {
    for (const [key, value] of this.#entries) if (this.#entries.has(key)) yield value;
  }
}

/** A Set whose entries come and go, as a TransientMap is. */
export class TransientSet<T> {
  #entries = new Set<T>();
  #gone = 0;

  get size(): number {
    return this.#entries.size;
  }

  has(entry: T): boolean {
    return this.#entries.has(entry);
  }

  add(entry: T): void {
    this.#entries.add(entry);
  }

  /** Whether it was there. */
  delete(entry: T): boolean {
    if (!this.#entries.delete(entry)) return false;
    this.#gone += 1;
    if (this.#gone >= RENEW_AFTER && this.#gone >= this.#entries.size) {
      this.#entries = new Set(this.#entries);
      this.#gone = 0;
    }
    return true;
  }

  clear(): void {
    this.#entries = new Set();
    this.#gone = 0;
  }

  *[Symbol.iterator](): Generator<T> {
    for (const entry of this.#entries) if (this.#entries.has(entry)) yield entry;
  }
}
