import { type Clock, type Logger, refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { SnapshotDelta } from '@weir/sdk/gen/weir/registry/v1/watch_pb';
import { createWaiters, inLine, shared } from './coalesce.ts';
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
  const tail = createTail(store, await store.position());
  let heardMs = clock.monotonicMs();
  const poll = inLine(async () => {
    await tail.catchUp();
    heardMs = clock.monotonicMs();
  });
  const pollInBackground = () => {
    poll().catch((error: unknown) => log.warn({ err: error }, 'the store cannot be read'));
  };

  await using opening = new AsyncDisposableStack();
  opening.defer(() => poll().catch(() => {}));
  opening.use(await store.onChange(pollInBackground));
  const timer = setInterval(pollInBackground, POLL_INTERVAL_MS);
  opening.defer(() => clearInterval(timer));
  const open = opening.move();

  function position(): Position {
    if (clock.monotonicMs() - heardMs <= SILENCE_MAX_MS) return tail.at();
    throw refuse(Reason.STORE_UNAVAILABLE, 'the database of the registry cannot be reached', {
      retryDelayMs: RETRY_DELAY_MS,
    });
  }

  return {
    position,
    // Routers that connect together, as after a restart, share one reading.
    snapshot: shared(() => store.snapshot()),
    async changesAfter(revision) {
      // A router may have learnt of it from another registry first.
      if (revision > position().revision) await poll();
      return await tail.changesAfter(revision);
    },
    async changed(revision, { timeoutMs, signal }) {
      if (tail.at().revision === revision) await tail.waiters.wait(timeoutMs, signal);
    },
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

/** The newest deltas, in memory. */
function createTail(store: Store, from: Position) {
  const waiters = createWaiters();
  let at = from;
  let deltas: SnapshotDelta[] = [];

  async function catchUp(): Promise<void> {
    const now = await store.position();
    if (now.epoch !== at.epoch || now.revision < at.revision) reset(now);
    while (at.revision < now.revision) {
      const next = await store.changesAfter(at.revision, PAGE_SIZE);
      const last = next?.at(-1);
      if (next && last) advance(next, last);
      else reset(await store.position());
    }
  }

  function reset(now: Position): void {
    at = now;
    deltas = [];
    waiters.wakeAll();
  }

  function advance(next: readonly SnapshotDelta[], last: SnapshotDelta): void {
    at = { epoch: at.epoch, revision: last.revision, digest: last.digest };
    deltas = [...deltas, ...next].slice(-TAIL_MAX);
    waiters.wakeAll();
  }

  return {
    waiters,
    catchUp,
    at: () => at,
    async changesAfter(revision: bigint): Promise<readonly SnapshotDelta[] | undefined> {
      if (revision === at.revision) return [];
      if (revision > at.revision) return undefined;
      const index = deltas.findIndex((delta) => delta.fromRevision === revision);
      return index < 0 ? await store.changesAfter(revision, PAGE_SIZE) : deltas.slice(index);
    },
  };
}
