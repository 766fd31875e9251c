import { setInterval } from 'node:timers/promises';
import type { Clock, Logger } from '@weir/kit';
import { loadSnapshot, saveSnapshot, touchSnapshot } from './disk.ts';
import type { SnapshotHolder } from './holder.ts';

/** Keeps the snapshot on disk, so that a router can serve again before it reaches the registry. */
export interface SnapshotKeeper extends AsyncDisposable {
  /** The registry confirmed the snapshot; `changed`: it is another one than before. */
  confirmed(changed: boolean): void;
  /** Writes now what is to be written. */
  flush(): Promise<void>;
}

const WRITE_INTERVAL_MS = 1_000;
/** How far ahead a time may lie and still be now: clocks are set, and files keep fractions. */
const CLOCK_TOLERANCE_MS = 2_000;

/** Loads what is on disk into the holder, and keeps it up to date from then on. */
export async function openSnapshotKeeper(options: {
  path: string;
  holder: SnapshotHolder;
  clock: Clock;
  log: Logger;
}): Promise<SnapshotKeeper> {
  const { path, holder, clock, log } = options;
  const stop = new AbortController();
  let pending: 'nothing' | 'touch' | 'save' = 'nothing';

  const kept = await loadSnapshot(path);
  if (kept) {
    const ageMs = ageOf(kept.confirmedAtMs, clock.wallMs());
    holder.replace(kept.snapshot, ageMs);
    log.info({ revision: kept.snapshot.revision.toString(), ageMs }, 'snapshot read from disk');
  }

  const write = async () => {
    const what = pending;
    if (what === 'nothing') return;
    pending = 'nothing';
    const confirmedAtMs = clock.wallMs() - holder.ageMs();
    try {
      if (what === 'save') await saveSnapshot(path, holder.current);
      await touchSnapshot(path, confirmedAtMs);
    } catch (error) {
      // What lies on the disk must not be taken for what was confirmed.
      if (what === 'save') pending = 'save';
      log.warn({ err: error }, 'the snapshot cannot be kept on disk');
    }
  };
  const run = async () => {
    for await (const _ of setInterval(WRITE_INTERVAL_MS, undefined, { signal: stop.signal })) {
      await write();
    }
  };
  const done = run().catch(() => {});

  return {
    confirmed(changed) {
      if (changed) pending = 'save';
      else if (pending === 'nothing') pending = 'touch';
    },
    flush: write,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await done;
      await write();
    },
  };
}

/** Infinity when the clock has gone back since: nobody knows how long it was. */
function ageOf(confirmedAtMs: number, wallMs: number): number {
  const ageMs = wallMs - confirmedAtMs;
  return ageMs < -CLOCK_TOLERANCE_MS ? Number.POSITIVE_INFINITY : Math.max(0, ageMs);
}
