/** A map that forgets: what was not used while as many others came is gone. */
export interface BoundedMap<Key, Value> {
  get(key: Key): Value | undefined;
  set(key: Key, value: Value): void;
}

/**
 * Makes a map that keeps at least the `count` entries used last, and at most twice as many. Two
 * generations: what is asked for in the older one moves to the younger, and when that is full it
 * becomes the older one. So nothing is ordered on a hit, and nothing is dropped one by one.
 */
export function createBoundedMap<Key, Value>(count: number): BoundedMap<Key, Value> {
  let young = new Map<Key, Value>();
  let old = new Map<Key, Value>();
  const set = (key: Key, value: Value) => {
    if (young.size >= count) {
      old = young;
      young = new Map();
    }
    young.set(key, value);
  };
  return {
    get(key) {
      const held = young.get(key);
      if (held !== undefined) return held;
      const older = old.get(key);
      if (older !== undefined) set(key, older);
      return older;
    },
    set,
  };
}
