import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import type { MethodImpl } from '@connectrpc/connect';
import { drainingKey } from '@weir/kit';
import {
  type SnapshotEntry,
  SnapshotEntrySchema,
  type WatchService,
  type WatchSnapshotResponse,
  WatchSnapshotResponseSchema,
} from '@weir/sdk/gen/weir/registry/v1/watch_pb';
import type { Feed } from '../feed.ts';
import { requireService } from '../gate.ts';
import { unavailable } from '../store/faults.ts';
import type { Snapshot } from '../store/store.ts';

const CHUNK_ENTRIES_MAX = 500;
const CHUNK_BYTES_MAX = 1024 * 1024;
const MARK_INTERVAL_MS = 900; // routers are promised one a second

/** Streams the snapshot, or goes on from the revision given, and then every change. */
export function watchSnapshot(feed: Feed): MethodImpl<typeof WatchService.method.watchSnapshot> {
  return async function* ({ epoch, revision }, context) {
    requireService(context);
    const signal = AbortSignal.any([context.signal, context.values.get(drainingKey)]);
    try {
      yield* follow(feed, epoch === feed.position().epoch ? revision : undefined, signal);
    } catch (error) {
      throw unavailable(error) ?? error;
    }
  };
}

async function* follow(feed: Feed, from: bigint | undefined, signal: AbortSignal) {
  let held = from;
  let { epoch } = feed.position();
  while (!signal.aborted) {
    const now = feed.position();
    // Another history: what the router holds does not lead to it.
    if (now.epoch !== epoch) held = undefined;
    epoch = now.epoch;
    const deltas = held === undefined ? undefined : await feed.changesAfter(held);
    if (held === undefined || deltas === undefined) {
      const snapshot = await feed.snapshot();
      yield* snapshotMessages(snapshot);
      held = snapshot.revision;
      continue;
    }
    for (const delta of deltas) {
      yield response({ case: 'delta', value: delta });
      held = delta.revision;
    }
    if (deltas.length > 0) continue;
    const { revision, digest } = feed.position();
    if (revision === held) yield response({ case: 'mark', value: { revision, digest } });
    await feed.changed(held, { timeoutMs: MARK_INTERVAL_MS, signal });
  }
}

function* snapshotMessages({ epoch, revision, digest, entries }: Snapshot) {
  yield response({ case: 'start', value: { epoch, revision } });
  for (const chunk of chunksOf(entries)) {
    yield response({ case: 'chunk', value: { entries: chunk } });
  }
  yield response({ case: 'commit', value: { digest } });
}

function* chunksOf(entries: readonly SnapshotEntry[]): Generator<SnapshotEntry[]> {
  let chunk: SnapshotEntry[] = [];
  let bytes = 0;
  for (const entry of entries) {
    const size = toBinary(SnapshotEntrySchema, entry).byteLength;
    if (chunk.length === CHUNK_ENTRIES_MAX || (chunk.length && bytes + size > CHUNK_BYTES_MAX)) {
      yield chunk;
      chunk = [];
      bytes = 0;
    }
    chunk.push(entry);
    bytes += size;
  }
  if (chunk.length > 0) yield chunk;
}

function response(
  message: MessageInitShape<typeof WatchSnapshotResponseSchema>['message'],
): WatchSnapshotResponse {
  return create(WatchSnapshotResponseSchema, message ? { message } : {});
}
