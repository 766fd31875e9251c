import { create } from '@bufbuild/protobuf';
import { durationFromMs, timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { CacheStatus as CacheName, ContextItem, ItemOutcome, Refusal } from '@weir/sdk';
import {
  CacheStatus,
  type ContextRef,
  ContextRefSchema,
  type Item,
  type ItemResult,
  ItemResultSchema,
  ItemSchema,
  RefusalSchema,
  Sensitivity,
} from '@weir/sdk/gen/weir/context/v1/context_pb';

// The program shows and writes the contract's own messages, so that its JSON is the contract's
// too, whether they came from Explain or, through the SDK's batching, from FetchContext.

const cacheStatuses: Record<CacheName, CacheStatus> = {
  none: CacheStatus.UNSPECIFIED,
  miss: CacheStatus.MISS,
  'hit-memory': CacheStatus.HIT_MEMORY,
  'hit-shared': CacheStatus.HIT_SHARED,
  stale: CacheStatus.STALE,
  revalidated: CacheStatus.REVALIDATED,
  coalesced: CacheStatus.COALESCED,
  bypass: CacheStatus.BYPASS,
};

/** The sensitivities of the SDK as the contract's. */
export const sensitivities: Record<ContextItem<unknown>['sensitivity'], Sensitivity> = {
  public: Sensitivity.PUBLIC,
  internal: Sensitivity.INTERNAL,
  confidential: Sensitivity.CONFIDENTIAL,
  restricted: Sensitivity.RESTRICTED,
};

/** A ref as a message. */
export function toWireRef(ref: ItemOutcome['ref']): ContextRef {
  const { type, key, versionRange = '', provider = '' } = ref;
  return create(ContextRefSchema, { type, key, versionRange, provider });
}

/** An outcome as a message. */
export function toWireResult(outcome: ItemOutcome): ItemResult {
  return create(ItemResultSchema, {
    index: outcome.index,
    cache: cacheStatuses[outcome.cache],
    age: durationFromMs(outcome.ageMs),
    ...(outcome.ok && outcome.item.quality !== undefined && { quality: outcome.item.quality }),
    redacted: outcome.ok && outcome.item.redacted,
    outcome: outcome.ok
      ? { case: 'item', value: toWireItem(outcome.item) }
      : { case: 'refusal', value: toWireRefusal(outcome.refusal) },
  });
}

function toWireItem(item: ContextItem<unknown>): Item {
  const { contentType, version, etag, owner, judgement } = item;
  return create(ItemSchema, {
    ...bodyOf(item),
    contentType,
    version,
    etag,
    owner,
    asOf: timestampFromDate(item.asOf),
    ttl: durationFromMs(item.ttlMs),
    sensitivity: sensitivities[item.sensitivity],
    provenance: { ...item.provenance, cleaned: [...item.provenance.cleaned] },
    labels: { ...item.labels },
    ...(judgement !== undefined && { quality: judgement }),
  });
}

/** The value itself, or where it lies and what it is. */
function bodyOf({ url, bytes, sha256 = '', sizeBytes = 0, urlExpireTime }: ContextItem<unknown>) {
  if (url === undefined) return { body: { case: 'payload', value: bytes } } as const;
  return {
    body: { case: 'url', value: url },
    sha256: Buffer.from(sha256, 'hex'),
    sizeBytes: BigInt(sizeBytes),
    ...(urlExpireTime && { urlExpireTime: timestampFromDate(urlExpireTime) }),
  } as const;
}

function toWireRefusal(refusal: Refusal) {
  const { code, reason, text, retryDelayMs, offeredVersions } = refusal;
  return create(RefusalSchema, {
    code,
    reason,
    text,
    offeredVersions: [...offeredVersions],
    ...(retryDelayMs !== undefined && { retryDelay: durationFromMs(retryDelayMs) }),
  });
}
