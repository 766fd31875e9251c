/** How many may wait, and how many of one lane may have been taken at once. */
export interface WaitingLimits {
  /** All that wait. */
  readonly max: number;
  /** Those of one lane that wait. */
  readonly laneMax: number;
  /** Those of one lane that were taken and not yet released. */
  readonly laneTakenMax: number;
}

/** A bounded queue of lanes, which are served in turn: a full lane holds up no other. */
export interface Waiting<T> {
  /** Adds to the end of a lane; false when the queue or the lane is full. */
  add(lane: string, item: T): boolean;
  /** Takes from the lane whose turn it is. */
  take(): { readonly lane: string; readonly item: T } | undefined;
  /** What was taken from a lane is done with. */
  release(lane: string): void;
  /** Takes back what has not been taken yet; false: it has been. */
  remove(lane: string, item: T): boolean;
  /** Takes all that wait. */
  clear(): readonly T[];
}

/** Creates a queue of lanes. */
export function createWaiting<T>(limits: WaitingLimits): Waiting<T> {
  // In the order of their turns: a lane that was served goes to the end.
  const lanes = new Map<string, T[]>();
  const taken = new Map<string, number>();
  let size = 0;

  return {
    add(lane, item) {
      const held = lanes.get(lane) ?? [];
      if (size >= limits.max || held.length >= limits.laneMax) return false;
      held.push(item);
      lanes.set(lane, held);
      size += 1;
      return true;
    },
    take() {
      for (const [lane, held] of lanes) {
        const already = taken.get(lane) ?? 0;
        const [item] = held;
        if (item === undefined || already >= limits.laneTakenMax) continue;
        held.shift();
        size -= 1;
        taken.set(lane, already + 1);
        lanes.delete(lane);
        if (held.length > 0) lanes.set(lane, held);
        return { lane, item };
      }
      return undefined;
    },
    release(lane) {
      const left = (taken.get(lane) ?? 1) - 1;
      if (left > 0) taken.set(lane, left);
      else taken.delete(lane);
    },
    remove(lane, item) {
      const held = lanes.get(lane);
      const index = held?.indexOf(item) ?? -1;
      if (held === undefined || index < 0) return false;
      held.splice(index, 1);
      size -= 1;
      if (held.length === 0) lanes.delete(lane);
      return true;
    },
    clear() {
      const all = [...lanes.values()].flat();
      lanes.clear();
      size = 0;
      return all;
    },
  };
}
