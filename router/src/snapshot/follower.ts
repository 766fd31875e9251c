import { setTimeout } from 'node:timers/promises';
import { type Client, ConnectError } from '@connectrpc/connect';
import type { Logger } from '@weir/kit';
import type {
  SnapshotEntry,
  WatchService,
  WatchSnapshotResponse,
} from '@weir/sdk/gen/weir/registry/v1/watch_pb';
import type { SnapshotHolder } from './holder.ts';
import { applyEntries, emptySnapshot } from './snapshot.ts';

/** How a follower stands with the registry. */
export type FollowerState =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'following' }
  | { readonly kind: 'waiting'; readonly delayMs: number; readonly why: string };

/** Keeps a snapshot holder in step with the registry. */
export interface Follower extends AsyncDisposable {
  readonly state: FollowerState;
}

/** What a follower needs. */
export interface FollowerOptions {
  readonly client: Client<typeof WatchService>;
  readonly holder: SnapshotHolder;
  readonly log: Logger;
  /** Called after each change that is in force, and after each confirmation. */
  readonly onConfirmed: (changed: boolean) => void;
}

const FIRST_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 2_000;
/** The registry sends a mark every second; this long without a word means it is gone. */
const SILENCE_MS = 5_000;

/** The stream does not fit the snapshot held: only a new snapshot helps. */
class SnapshotGap extends Error {}

/** Starts following; stops when disposed. */
export function startFollower(options: FollowerOptions): Follower {
  const stop = new AbortController();
  let state: FollowerState = { kind: 'connecting' };
  const setState = (next: FollowerState) => {
    if (next.kind !== state.kind) options.log.info({ follower: next }, `registry: ${next.kind}`);
    state = next;
  };

  const run = async () => {
    let backoffMs = FIRST_BACKOFF_MS;
    let fromStart = false;
    while (!stop.signal.aborted) {
      try {
        await followOnce(options, stop.signal, fromStart, () => {
          setState({ kind: 'following' });
          backoffMs = FIRST_BACKOFF_MS;
          fromStart = false;
        });
        setState({ kind: 'waiting', delayMs: backoffMs, why: 'the registry ended the stream' });
      } catch (error) {
        if (stop.signal.aborted) return;
        fromStart = error instanceof SnapshotGap;
        const why = error instanceof SnapshotGap ? error.message : ConnectError.from(error).message;
        setState({ kind: 'waiting', delayMs: backoffMs, why });
      }
      const jitteredMs = backoffMs * (0.5 + Math.random() / 2);
      await setTimeout(jitteredMs, undefined, { signal: stop.signal }).catch(() => {});
      backoffMs = Math.min(backoffMs * 2, MAX_BACKOFF_MS);
      setState({ kind: 'connecting' });
    }
  };
  const done = run();

  return {
    get state() {
      return state;
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await done;
    },
  };
}

async function followOnce(
  { client, holder, onConfirmed }: FollowerOptions,
  stop: AbortSignal,
  fromStart: boolean,
  onFollowing: () => void,
): Promise<void> {
  const silence = new AbortController();
  const timer = globalThis.setTimeout(() => silence.abort(), SILENCE_MS);
  const held = fromStart ? emptySnapshot : holder.current;
  const stream = client.watchSnapshot(
    { epoch: held.epoch, revision: held.revision },
    { signal: AbortSignal.any([stop, silence.signal]), timeoutMs: 0 },
  );
  const receive = createReceiver(holder);
  try {
    for await (const message of stream) {
      timer.refresh();
      const received = receive(message);
      if (received === 'partial') continue;
      onFollowing();
      onConfirmed(received === 'changed');
    }
  } finally {
    clearTimeout(timer);
  }
}

/** Makes the function that applies the messages of one stream to the holder. */
export function createReceiver(
  holder: SnapshotHolder,
): (response: WatchSnapshotResponse) => 'partial' | 'changed' | 'confirmed' {
  let building: { epoch: string; revision: bigint; entries: SnapshotEntry[] } | undefined;

  const expectDigest = (held: bigint, told: bigint) => {
    if (held !== told) throw new SnapshotGap('the digest of the snapshot is wrong');
  };

  return ({ message }) => {
    switch (message.case) {
      case 'start':
        building = { epoch: message.value.epoch, revision: message.value.revision, entries: [] };
        return 'partial';
      case 'chunk':
        if (!building) throw new SnapshotGap('a chunk came without a start');
        building.entries.push(...message.value.entries);
        return 'partial';
      case 'commit': {
        if (!building) throw new SnapshotGap('a commit came without a start');
        const { entries, ...at } = building;
        const snapshot = applyEntries(emptySnapshot, entries, at);
        expectDigest(snapshot.digest, message.value.digest);
        building = undefined;
        holder.replace(snapshot, 0);
        return 'changed';
      }
      case 'delta': {
        const { fromRevision, revision, entries, digest } = message.value;
        if (fromRevision > holder.current.revision) {
          throw new SnapshotGap(`changes between ${holder.current.revision} and ${fromRevision}`);
        }
        if (revision <= holder.current.revision) return 'confirmed';
        const at = { epoch: holder.current.epoch, revision };
        const snapshot = applyEntries(holder.current, entries, at);
        expectDigest(snapshot.digest, digest);
        holder.replace(snapshot, 0);
        return 'changed';
      }
      case 'mark':
        if (message.value.revision !== holder.current.revision) {
          throw new SnapshotGap(
            `held ${holder.current.revision}, marked ${message.value.revision}`,
          );
        }
        expectDigest(holder.current.digest, message.value.digest);
        holder.confirm();
        return 'confirmed';
      case undefined:
        return 'partial';
    }
  };
}
