import { WeirError } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { BlobLink, BlobStore } from '../blobs/blob-store.ts';
import type { Call } from '../call.ts';
import { type Found, type Outcome, type Refused, refused } from '../outcome.ts';
import type { Offer } from '../snapshot/catalogue.ts';
import { cacheKey } from './cache-key.ts';
import { itemOf } from './entry.ts';
import type { Gathered, Slot } from './gather.ts';
import type { MemoryCache } from './memory-cache.ts';
import type { SharedCache } from './shared-cache.ts';

/** What giving links needs. */
export interface LinkDeps {
  readonly memory: MemoryCache;
  readonly shared: SharedCache | undefined;
  /** Undefined: no value is large. */
  readonly blobs?: BlobStore | undefined;
}

const RETRY_MS = 1_000;

/**
 * Gathers a slot, and gives a large value its link. When the store has its bytes no more, what
 * the caches hold of it is forgotten, and it is gathered once more.
 */
export function withLink(
  deps: LinkDeps,
  call: Call,
  slot: Slot,
  gatherSlot: () => Gathered,
): Gathered {
  const give = async (found: Outcome & Found, mayGatherAgain: boolean): Promise<Outcome> => {
    const link = await linkTo(deps.blobs, call, found);
    if (link === 'lost' && mayGatherAgain) {
      call.note?.(slot.index, 'gather', 'the blob store: not there any more');
      forget(deps, call, slot);
      const outcome = await gatherSlot();
      return isLarge(outcome) ? give(outcome, false) : outcome;
    }
    if (link === 'lost') return { ...unavailable('did not keep the value'), cache: found.cache };
    return 'url' in link ? { ...found, link } : { ...link, cache: found.cache };
  };
  const settle = (outcome: Outcome): Gathered => (isLarge(outcome) ? give(outcome, true) : outcome);
  const gathered = gatherSlot();
  return gathered instanceof Promise ? gathered.then(settle) : settle(gathered);
}

function isLarge(outcome: Outcome): outcome is Outcome & Found {
  return outcome.kind === 'found' && outcome.entry.large;
}

async function linkTo(
  blobs: BlobStore | undefined,
  call: Call,
  { entry }: Found,
): Promise<BlobLink | 'lost' | Refused> {
  const { sha256, sizeBytes, contentType } = itemOf(entry);
  const blob = {
    // The caller's own, whatever an entry came from.
    tenant: call.caller.tenant,
    sha256: Buffer.from(sha256).toString('hex'),
    sizeBytes: Number(sizeBytes),
  };
  try {
    const made = await Promise.race([blobs?.link(blob, contentType), call.stopped()]);
    if (made === 'gone') return refused(Reason.CANCELLED, 'the caller has gone');
    if (made === 'late') return unavailable('did not answer within the time for the item');
    return made ?? 'lost';
  } catch (error) {
    if (!(error instanceof WeirError)) throw error;
    return refused(error.reason, error.message, { retryDelayMs: error.retryDelayMs ?? RETRY_MS });
  }
}

function forget({ memory, shared }: LinkDeps, call: Call, { plan, tried, ref }: Slot): void {
  const key = cacheKey(call.caller, plan.routes[tried - 1] as Offer, ref.key);
  memory.delete(key);
  shared?.delete(key);
}

function unavailable(what: string): Refused {
  const text = `the store of large values ${what}`;
  return refused(Reason.BLOB_STORE_UNAVAILABLE, text, { retryDelayMs: RETRY_MS });
}
