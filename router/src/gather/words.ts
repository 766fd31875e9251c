import { reasonName } from '@weir/kit';
import { CacheStatus } from '@weir/sdk/gen/weir/context/v1/context_pb';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { Slot } from '../authorise.ts';
import type { Batch } from '../batch.ts';
import { type Outcome, type Refused, refused } from '../outcome.ts';
import { type QualityParts, shareText, weakestOf } from '../quality/score.ts';
import type { Redactions } from '../redactions.ts';
import type { Offer } from '../snapshot/catalogue.ts';
import type { CacheEntry } from './entry.ts';
import type { Landed } from './land.ts';

// What callers and Explain are told of what was gathered.

/** A provider's own words may quote what the caller may not see. */
export function tellable<L extends Refused>(
  { redactions, tenant }: { readonly redactions: Redactions; readonly tenant: string },
  slot: Slot,
  { offer, landed }: { readonly offer: Offer; readonly landed: L },
): L {
  const { refusal } = landed;
  const bare = bareTexts[refusal.reason]?.(offer);
  if (bare === undefined) return landed;
  if (slot.conditional) return { ...landed, refusal: { ...refusal, text: bare } };
  // By the rules for this provider: what was decided last may be about another.
  const { obligations } = slot.access.decide(offer.provider, slot.ref.key);
  if (!obligations.changesValues) return landed;
  const redactor = redactions.redactor({ obligations, offer, tenant });
  const text = redactor.hidesFields ? bare : redactor.text(refusal.text);
  return { ...landed, refusal: { ...refusal, text } };
}

/** What is told of refusals whose own text may quote a value. */
const bareTexts: Readonly<Partial<Record<Reason, (offer: Offer) => string>>> = {
  [Reason.PROVIDER_FAILED]: ({ provider }) => `provider ${provider.name} failed`,
  [Reason.INVALID_ITEM]: ({ provider, type, typeVersion }) =>
    `provider ${provider.name} sent a value that breaks the schema of ${type} ${typeVersion}`,
};

/** Whether the call, not the item, is to blame: there is no time to try anew. */
export function isOver({ refusal }: Refused): boolean {
  return refusal.reason === Reason.CANCELLED || refusal.reason === Reason.DEADLINE_EXCEEDED;
}

/** Refusals that come only where there is an item. */
export function tellsOfAnItem({ refusal }: Refused): boolean {
  return ofItems.has(refusal.reason);
}

const ofItems: ReadonlySet<Reason> = new Set([
  Reason.ITEM_TOO_LARGE,
  Reason.INVALID_ITEM,
  Reason.PROVIDER_GARBAGE,
  Reason.BLOB_STORE_UNAVAILABLE,
]);

/** What is told of an item that is not good enough. */
export function tooLow(
  quality: number,
  parts: QualityParts,
  { minQuality }: Pick<Batch, 'minQuality'>,
): string {
  const weakest = weakestOf(parts);
  return `the item's quality is ${shareText(quality)}, and at least ${minQuality} was asked for; its weakest part is ${weakest.name}, ${shareText(weakest.value)}`;
}

/** What is told of a provider that was too slow for the call. */
export function late(provider: string): Outcome {
  const text = `provider ${provider} did not answer in time`;
  const more = { retryDelayMs: 1_000 };
  return { ...refused(Reason.DEADLINE_EXCEEDED, text, more), cache: CacheStatus.MISS };
}

/** How a question ended, for Explain. */
export function describe(landed: Landed): string {
  switch (landed.kind) {
    case 'found':
      return landed.revalidated ? 'not modified' : `found, ${landed.entry.field.length} bytes`;
    case 'missing':
      return 'no such key';
    case 'refused':
      // A provider's own words may quote the value.
      return landed.refusal.reason === Reason.PROVIDER_FAILED
        ? `refused: ${reasonName(landed.refusal.reason)}`
        : `refused: ${landed.refusal.text}`;
  }
}

/** What a cache had, for Explain. */
export function describeCached(where: string, entry: CacheEntry, served: unknown): string {
  if (served === 'expired') return `${where}: there, but out of date`;
  if (entry.negative) return `${where}: known to be missing`;
  return `${where}: there`;
}
