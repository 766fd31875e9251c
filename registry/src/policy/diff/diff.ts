import { setImmediate } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import type { Timestamp } from '@bufbuild/protobuf/wkt';
import type { Clock } from '@weir/kit';
import {
  type DiffPoliciesResponse,
  DiffPoliciesResponseSchema,
} from '@weir/sdk/gen/weir/policy/v1/service_pb';
import { type Changes, createChanges } from './changes.ts';
import type { RecordedCall, Replay, Replayed } from './replay.ts';

/** How long others may have to wait while calls are decided anew. */
const SLICE_MS = 5;

/** How far to go. */
export interface DiffBounds {
  /** Items decided at most. */
  readonly itemsMax: number;
  /** When to stop, by the monotonic clock. */
  readonly untilMs: number;
  readonly clock: Clock;
}

interface Counts {
  items: number;
  changed: number;
  undecided: number;
  oldest: Timestamp | undefined;
}

/**
 * Decides recorded calls anew and gathers what changes, newest calls first, until there are no more
 * or a bound is reached: the answer tells how far it came.
 */
export async function diffCalls(
  calls: AsyncIterable<RecordedCall>,
  replay: Replay,
  { itemsMax, untilMs, clock }: DiffBounds,
): Promise<DiffPoliciesResponse> {
  const changes = createChanges();
  const counts: Counts = { items: 0, changed: 0, undecided: 0, oldest: undefined };
  let sliceMs = clock.monotonicMs();
  for await (const call of calls) {
    const times = Math.max(1, call.record.calls);
    for (const item of await replay(call)) {
      if (counts.items >= itemsMax) break;
      count(counts, item, times);
      gather(changes, call, item, times);
    }
    counts.oldest = call.record.time;
    const nowMs = clock.monotonicMs();
    if (counts.items >= itemsMax || nowMs >= untilMs) break;
    if (nowMs - sliceMs < SLICE_MS) continue;
    await setImmediate();
    sliceMs = clock.monotonicMs();
  }
  return answerOf(counts, changes);
}

function count(counts: Counts, { kind }: Replayed, times: number): void {
  counts.items += times;
  if (kind === 'changed') counts.changed += times;
  if (kind === 'undecided') counts.undecided += times;
}

function gather(changes: Changes, { record }: RecordedCall, one: Replayed, times: number): void {
  if (one.kind !== 'changed') return;
  const { principal } = record;
  const { action, type, key } = one.item;
  const { before, after } = one;
  changes.add({ principal, action, type, key, before, after }, times);
}

function answerOf(counts: Counts, changes: Changes): DiffPoliciesResponse {
  return create(DiffPoliciesResponseSchema, {
    changes: changes.told(),
    items: BigInt(counts.items),
    changedItems: BigInt(counts.changed),
    undecidedItems: BigInt(counts.undecided),
    ...(counts.oldest && { oldest: counts.oldest }),
  });
}
