import { TransientMap } from '@weir/kit';

/** Room that is shared, of which no owner has more than a share. */
export interface Room {
  /** Takes room; false: there is none. */
  take(owner: string, bytes: number): boolean;
  /** Gives it back. */
  give(owner: string, bytes: number): void;
}

/** Makes room for so many bytes. No owner has more than `share` of it, by default half. */
export function createRoom(maxBytes: number, share = 0.5): Room {
  const taken = new TransientMap<string, number>();
  let total = 0;
  return {
    take(owner, bytes) {
      const own = (taken.get(owner) ?? 0) + bytes;
      if (total + bytes > maxBytes || own > maxBytes * share) return false;
      total += bytes;
      taken.set(owner, own);
      return true;
    },
    give(owner, bytes) {
      total -= bytes;
      const own = (taken.get(owner) ?? 0) - bytes;
      if (own > 0) taken.set(owner, own);
      else taken.delete(owner);
    },
  };
}
