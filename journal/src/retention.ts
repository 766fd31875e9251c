import { rm, rmdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Clock } from '@weir/kit';
import type { WrittenSegment } from './writer/segments.ts';

/** A chain whose segments are kept until the registry has them, and for a while after that. */
export interface KeptChain {
  readonly segments: () => readonly WrittenSegment[];
  /** The segment was deleted. */
  readonly forget: (path: string) => void;
  /** Whether it is left for people, and takes nothing of what the others may. */
  readonly isApart: () => boolean;
}

/** What a journal takes of the disk. */
export interface Retention {
  /** The bytes of all segments, but for those of chains that are set apart. */
  readonly usedBytes: number;
  /** The bytes of segments of chains that are set apart. */
  readonly apartBytes: number;
  /** Segments were added to. */
  grew(bytes: number): void;
  /** The registry holds all entries of a chain before a position, and none behind it. */
  confirmed(chain: KeptChain, position: number): void;
  /** Deletes what is no longer to be kept. */
  sweep(): Promise<void>;
}

/** What a retention needs. */
export interface RetentionOptions {
  readonly chains: readonly KeptChain[];
  /** How long a segment is kept after the registry has all of it. */
  readonly keepMs: number;
  /** What all segments may take. */
  readonly maxBytes: number;
  readonly clock: Clock;
}

/** From this share of the budget on, what the registry has is deleted at once. */
export const CROWDED_SHARE = 0.8;

/** Keeps count of the segments, and deletes them in time. */
export function createRetention({ chains, keepMs, maxBytes, clock }: RetentionOptions): Retention {
  /** By path: since when the registry has all of it (monotonic). */
  const shippedAt = new Map<string, number>();
  const sum = (isApart: boolean) =>
    chains
      .filter((chain) => chain.isApart() === isApart)
      .reduce((all, { segments }) => segments().reduce((bytes, one) => bytes + one.bytes, all), 0);
  let usedBytes = 0;
  let apartBytes = 0;
  const count = () => {
    usedBytes = sum(false);
    apartBytes = sum(true);
  };
  count();

  const isDue = (path: string): boolean => {
    const sinceMs = shippedAt.get(path);
    if (sinceMs === undefined) return false;
    return clock.monotonicMs() - sinceMs >= keepMs || usedBytes > maxBytes * CROWDED_SHARE;
  };

  return {
    get usedBytes() {
      return usedBytes;
    },
    get apartBytes() {
      return apartBytes;
    },
    grew(bytes) {
      usedBytes += bytes;
    },
    confirmed({ segments }, position) {
      for (const { path, end, isOpen } of segments()) {
        if (isOpen) continue;
        // It may hold less than before: a database that was restored.
        if (end > position) shippedAt.delete(path);
        else if (!shippedAt.has(path)) shippedAt.set(path, clock.monotonicMs());
      }
    },
    async sweep() {
      for (const chain of chains) {
        for (const { path } of chain.segments()) {
          // In their order, or the entries of a chain would have a hole.
          if (!isDue(path)) break;
          await rm(path, { force: true });
          chain.forget(path);
          shippedAt.delete(path);
          count();
          // The folder of the chain that is written holds the segment that is open.
          if (chain.segments().length === 0) await rmdir(dirname(path)).catch(() => {});
        }
      }
      count();
    },
  };
}
