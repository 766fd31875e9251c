import { create } from '@bufbuild/protobuf';
import { durationFromMs, timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  type Item,
  type ItemResult,
  ItemResultSchema,
} from '@weir/sdk/gen/weir/context/v1/context_pb';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { itemOf } from './gather/entry.ts';
import { type Found, type Outcome, refused } from './outcome.ts';

/** What the items of one answer may hold together; clients take messages of 4 MiB by default. */
export const RESPONSE_BUDGET_BYTES = 4 * 1024 * 1024 - 32 * 1024;

/** When what is held for answers under way has been sent, most likely. */
const FULL_RETRY_MS = 1_000;

/** What a link holds beside its text, at most. */
const LINK_BYTES = 32;

/** What a refusal holds beside its texts, at most. */
const REFUSAL_BYTES = 64;

/**
 * The outcomes of a batch as they can be sent: what is past the response budget, of which some may be
 * spent, is refused, to be asked for again in a smaller batch. The same list when all of it fits.
 */
export function withinBudget(outcomes: readonly Outcome[], spentBytes = 0): readonly Outcome[] {
  let bytes = spentBytes;
  let cut: Outcome[] | undefined;
  for (let index = 0; index < outcomes.length; index++) {
    const outcome = outcomes[index] as Outcome;
    const size = sizeOf(outcome);
    if (bytes + size <= RESPONSE_BUDGET_BYTES) {
      bytes += size;
      continue;
    }
    cut ??= [...outcomes];
    cut[index] = overBudget(outcome);
  }
  return cut ?? outcomes;
}

/** One outcome as a result. */
export function presentItem(outcome: Outcome, index: number): ItemResult {
  const { cache } = outcome;
  if (outcome.kind === 'refused') {
    return create(ItemResultSchema, {
      index,
      cache,
      outcome: { case: 'refusal', value: outcome.refusal },
    });
  }
  return create(ItemResultSchema, {
    index,
    cache,
    age: durationFromMs(Math.max(0, Math.round(outcome.ageMs))),
    quality: outcome.quality,
    redacted: outcome.redactions.length > 0,
    outcome: { case: 'item', value: presentFound(outcome) },
  });
}

/** A large value gets the link that was made for this call; the entry stays as it is. */
function presentFound({ entry, link }: Found): Item {
  const item = itemOf(entry);
  if (!link) return item;
  const body = { case: 'url', value: link.url } as const;
  return { ...item, body, urlExpireTime: timestampFromMs(link.expireMs) };
}

/** What an outcome takes of an answer, in bytes. */
export function sizeOf(outcome: Outcome): number {
  if (outcome.kind === 'found') {
    const { entry, link } = outcome;
    return entry.field.length + (link ? link.url.length + LINK_BYTES : 0);
  }
  const { text, offeredVersions } = outcome.refusal;
  return Buffer.byteLength(text) + offeredVersions.join('  ').length + REFUSAL_BYTES;
}

/** In place of an outcome that does not fit into the answer. */
export function overBudget(outcome: Outcome): Outcome {
  const text = 'the answer would be too large; ask for this item again, in a smaller batch';
  return { ...refused(Reason.RESPONSE_BUDGET, text, { retryDelayMs: 0 }), cache: outcome.cache };
}

/** In place of an outcome for which the whole process has no room. */
export function overProcessBudget({ cache }: Outcome): Outcome {
  const text = 'the router holds as much as it may for answers under way; ask for this item later';
  return { ...refused(Reason.OVERLOADED, text, { retryDelayMs: FULL_RETRY_MS }), cache };
}
