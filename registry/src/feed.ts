import { type Clock, type Logger, refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { SnapshotDelta } from '@weir/sdk/gen/weir/registry/v1/watch_pb';
import type { Position, Snapshot, Store } from './store/store.ts';

const POLL_INTERVAL_MS = 500;
const PAGE_SIZE = 100; // deltas read at once
const TAIL_MAX = 500; // deltas kept in memory
const SILENCE_MAX_MS = 3000; // after which the store counts as out of reach
const RETRY_DELAY_MS = 1000;

/** The registry's changes, read from the store once for all who follow. */
export interface Feed extends AsyncDisposable {
  /** Where the store is. Throws STORE_UNAVAILABLE when that is not known. */
  position(): Position;
  snapshot(): Promise<Snapshot>;
  /** The next deltas after a revision; undefined when they cannot be told any more. */
  changesAfter(revision: bigint): Promise<readonly SnapshotDelta[] | undefined>;
  /** Waits until the store is at another revision, or the time is over. */
  changed(revision: bigint, options: { timeoutMs: number; signal: AbortSignal }): Promise<void>;
}

/** Opens the feed. It polls, since notifications can be missed and so only wake it. */
export async function openFeed(store: Store, clock: Clock, log: Logger): Promise<Feed> {
  let at = await store.position();
  let heardMs = clock.monotonicMs();
  let tail: SnapshotDelta[] = [];
  let polling: Promise<void> | undefined;
  let again = false;
  let snapshotting: Promise<Snapshot> | undefined;
  const waiting = new Set<() => void>();

  async function pollOnce(): Promise<void> {
    const now = await store.position();
    if (now.epoch !== at.epoch || now.revision < at.revision) reset(now);
    while (at.revision < now.revision) {
      const deltas = await store.changesAfter(at.revision, PAGE_SIZE);
      const last = deltas?.at(-1);
      if (!deltas || !last) reset(await store.position());
      else advance(deltas, last);
    }
    heardMs = clock.monotonicMs();
  }

  function reset(now: Position): void {
    at = now;
    tail = [];
    wakeAll();
  }

  function advance(deltas: readonly SnapshotDelta[], last: SnapshotDelta): void {
    at = { epoch: at.epoch, revision: last.revision, digest: last.digest };
    tail = [...tail, ...deltas].slice(-TAIL_MAX);
    wakeAll();
  }

  function wakeAll(): void {
    for (const wake of waiting) wake();
  }

  /** One poll at a time; a wake during a poll may have missed it, so another follows. */
  function poll(): Promise<void> {
    if (polling) again = true;
    polling ??= (async () => {
      do {
        again = false;
        await pollOnce();
      } while (again);
    })().finally(() => {
      polling = undefined;
    });
    return polling;
  }

  function pollInBackground(): void {
    poll().catch((error: unknown) => log.warn({ err: error }, 'the store cannot be read'));
  }

  await using opening = new AsyncDisposableStack();
  opening.defer(async () => {
    await polling?.catch(() => {});
  });
  opening.use(await store.onChange(pollInBackground));
  const timer = setInterval(pollInBackground, POLL_INTERVAL_MS);
  opening.defer(() => clearInterval(timer));
  const open = opening.move();

  function position(): Position {
    if (clock.monotonicMs() - heardMs <= SILENCE_MAX_MS) return at;
    throw refuse(Reason.STORE_UNAVAILABLE, 'the database of the registry cannot be reached', {
      retryDelayMs: RETRY_DELAY_MS,
    });
  }

  return {
    position,
    snapshot() {
      // Routers that connect together, as after a restart, share one reading.
      snapshotting ??= store.snapshot().finally(() => {
        snapshotting = undefined;
      });
      return snapshotting;
    },
    async changesAfter(revision) {
      // A router may have learnt of it from another registry first.
      if (revision > position().revision) await poll();
      if (revision === at.revision) return [];
      if (revision > at.revision) return undefined;
      const index = tail.findIndex((delta) => delta.fromRevision === revision);
      if (index >= 0) return tail.slice(index);
      return await store.changesAfter(revision, PAGE_SIZE);
    },
    async changed(revision, { timeoutMs, signal }) {
      if (at.revision !== revision || signal.aborted) return;
      await new Promise<void>((resolve) => {
        const done = () => {
          clearTimeout(late);
          waiting.delete(done);
          signal.removeEventListener('abort', done);
          resolve();
        };
        const late = setTimeout(done, timeoutMs);
        waiting.add(done);
        signal.addEventListener('abort', done);
      });
    },
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}
