import { setInterval } from 'node:timers/promises';
import type { Clock, Logger } from '@weir/kit';
import { loadSnapshot, saveSnapshot, touchSnapshot } from './disk.ts';
import type { SnapshotHolder } from './holder.ts';

/** Keeps the snapshot on disk, so that a router can serve again before it reaches the registry. */
export interface SnapshotKeeper extends AsyncDisposable {
  /** The registry confirmed the snapshot; `changed`: it is another one than before. */
  confirmed(changed: boolean): void;
}

const WRITE_INTERVAL_MS = 1_000;

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
    const ageMs = Math.max(0, clock.wallMs() - kept.confirmedAtMs);
    holder.replace(kept.snapshot, ageMs);
    log.info({ revision: kept.snapshot.revision.toString(), ageMs }, 'snapshot read from disk');
  }

  const write = async () => {
    const what = pending;
    pending = 'nothing';
    try {
      if (what === 'save') await saveSnapshot(path, holder.current);
      else if (what === 'touch') await touchSnapshot(path, clock.wallMs() - holder.ageMs());
    } catch (error) {
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
    async [Symbol.asyncDispose]() {
      stop.abort();
      await done;
      await write();
    },
  };
}
