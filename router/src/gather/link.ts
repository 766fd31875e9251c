import { WeirError } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { Slot } from '../authorise.ts';
import type { BlobLink, BlobStore } from '../blobs/blob-store.ts';
import type { Call } from '../call.ts';
import { lostValue } from '../give.ts';
import { type Found, type Outcome, type Refused, refused } from '../outcome.ts';
import { blobOf } from '../redaction/large.ts';
import type { Redactions } from '../redactions.ts';
import type { Offer } from '../snapshot/catalogue.ts';
import { type CacheEntry, itemOf } from './entry.ts';
import type { Gathered } from './gather.ts';
import type { MemoryCache } from './memory-cache.ts';
import type { SharedCache } from './shared-cache.ts';

/** What giving links needs. */
export interface LinkDeps {
  readonly memory: MemoryCache;
  readonly shared: SharedCache | undefined;
  /** Undefined: no value is large. */
  readonly blobs?: BlobStore | undefined;
  readonly redactions: Redactions;
}

const RETRY_MS = 1_000;

/** How often a slot is gathered again: what was redacted can be lost, then the value itself. */
const REGATHERED_MAX = 2;

/** Whether an outcome is, or may become, one that `withLink` is for. */
export function mayNeedLink(gathered: Gathered): boolean {
  if (gathered instanceof Promise) return true;
  return gathered.kind === 'found' ? gathered.entry.large : gathered.lost !== undefined;
}

/**
 * Gives a large value its link. When the store has its bytes no more, what is held of it is
 * forgotten, and the slot is gathered once more by `again`. All else passes.
 */
export function withLink(deps: LinkDeps, call: Call, { slot, gathered, again }: Linking): Gathered {
  const mend = (outcome: Outcome, left: number): Gathered => {
    const lost = outcome.kind === 'refused' ? outcome.lost : undefined;
    if (!lost || left === 0) return outcome;
    call.note?.(slot.index, 'gather', 'the blob store: not there any more');
    forget(deps, call, { slot, lost });
    return settle(again(), left - 1);
  };
  const settle = (one: Gathered, left: number): Gathered => {
    const linked = linkedTo(deps, call, one);
    return linked instanceof Promise
      ? linked.then((outcome) => mend(outcome, left))
      : mend(linked, left);
  };
  return settle(gathered, REGATHERED_MAX);
}

/** A slot that was gathered, and how it is gathered once more. */
interface Linking {
  readonly slot: Slot;
  readonly gathered: Gathered;
  readonly again: () => Gathered;
}

/** Gives a large value its link, made for this call; all else stays as it is. */
export function linkedTo(deps: Pick<LinkDeps, 'blobs'>, call: Call, gathered: Gathered): Gathered {
  const link = (outcome: Outcome): Gathered =>
    outcome.kind === 'found' && outcome.entry.large ? withItsLink(deps, call, outcome) : outcome;
  return gathered instanceof Promise ? gathered.then(link) : link(gathered);
}

async function withItsLink(
  { blobs }: Pick<LinkDeps, 'blobs'>,
  call: Call,
  found: Outcome & Found,
): Promise<Outcome> {
  const { entry, cache } = found;
  const link = await linkOf(blobs, call, entry);
  if (link === 'lost') return { ...lostValue(), lost: entry, cache };
  return 'url' in link ? { ...found, link } : { ...link, cache };
}

async function linkOf(
  blobs: BlobStore | undefined,
  call: Call,
  entry: CacheEntry,
): Promise<BlobLink | 'lost' | Refused> {
  // The caller's own, whatever an entry came from.
  const blob = blobOf(entry, call.caller.tenant);
  try {
    const making = blobs?.link(blob, itemOf(entry).contentType);
    const made = await Promise.race([making, call.stopped()]);
    if (made === 'gone') return refused(Reason.CANCELLED, 'the caller has gone');
    if (made === 'late') return late();
    return made ?? 'lost';
  } catch (error) {
    if (!(error instanceof WeirError)) throw error;
    return refused(error.reason, error.message, { retryDelayMs: error.retryDelayMs ?? RETRY_MS });
  }
}

/** What was redacted can be made anew, as long as the value itself is there. */
function forget(
  { memory, shared, redactions }: LinkDeps,
  call: Call,
  { slot, lost }: { slot: Slot; lost: CacheEntry },
): void {
  const { entry, routes, tried, ref } = slot;
  if (entry?.field !== lost.field) {
    redactions.forget(lost);
    return;
  }
  const space = memory.spaceOf(call.caller, routes[tried - 1] as Offer);
  memory.delete(space, ref.key);
  shared?.delete(space.prefix + ref.key);
}

function late(): Refused {
  const text = 'the store of large values did not answer within the time for the item';
  return refused(Reason.BLOB_STORE_UNAVAILABLE, text, { retryDelayMs: RETRY_MS });
}
