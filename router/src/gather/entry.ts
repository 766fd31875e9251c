import { createHash } from 'node:crypto';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { durationFromMs, durationMs, timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { ItemFacts } from '@weir/policy';
import {
  type Item,
  ItemResultSchema,
  ItemSchema,
  ProvenanceSchema,
  Sensitivity,
} from '@weir/sdk/gen/weir/context/v1/context_pb';
import type { Content } from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import type { BlobId } from '../blobs/blob-store.ts';
import type { Findings } from '../quality/examine.ts';
import { type Judged, judge, unjudged } from '../quality/judged.ts';
import type { Offer } from '../snapshot/catalogue.ts';
import { plainText, sensitivityOf, shareOf, timeOf } from './bounds.ts';

/**
 * An item as the caches hold it: encoded once, on admission, and never decoded on the way to
 * a caller that takes bytes. What the router itself must know stands beside the bytes.
 */
export interface CacheEntry {
  /** The field `item` of an ItemResult, encoded: tag, length, Item. Empty when negative. */
  readonly field: Uint8Array;
  /** Where in the field the Item begins. */
  readonly itemOffset: number;
  /** Whether this is the knowledge that there is no such key. */
  readonly negative: boolean;
  /** Whether the value lies in the blob store, under the hash that the Item tells. */
  readonly large: boolean;
  /** The provider's tag, to revalidate with; the item's differs when the value was cleaned. */
  readonly etag: string;
  /** What its quality is made of. */
  readonly judged: Judged;
  /** What policies can read of it. */
  readonly facts: ItemFacts;
  /** Monotonic; when the provider last confirmed it. */
  readonly confirmedAtMs: number;
  /** How long it is fresh after that; 0: it is not kept. */
  readonly ttlMs: number;
  /** How long after its ttl it may be served while it is refreshed. */
  readonly staleMs: number;
}

const noFacts: ItemFacts = { sensitivity: Sensitivity.UNSPECIFIED, labels: {}, owner: '' };

/** The longest that anything is cached, whatever a provider says. */
export const MAX_TTL_MS = 24 * 60 * 60 * 1000;

/** Longer etags are dropped: the value is then fetched rather than revalidated. */
const MAX_ETAG_BYTES = 255;

const MAX_LINE_CHARS = 200;

const DEFAULT_CONTENT_TYPE = 'application/json';

/** How long a value is kept whose cleaning or check did not end: the next may. */
const UNFINISHED_KEPT_MS = 10_000;

/** What is known of a value beside what its provider said. */
export interface Admission {
  readonly wallMs: number;
  readonly monotonicMs: number;
  /** Where its bytes are, when they are in the blob store. */
  readonly blob?: BlobId | undefined;
  /** What was found out about it; undefined: nothing was asked. */
  readonly findings?: Findings | undefined;
}

/**
 * Admits a provider's value: fills in what the manifest says, and encodes the item. One whose
 * bytes are in the blob store has no body yet: links change from call to call.
 */
export function admit(
  content: Content,
  offer: Offer,
  { wallMs, monotonicMs, blob, findings }: Admission,
): CacheEntry {
  const ttlMs = clampTtl(content.ttl ? durationMs(content.ttl) : offer.ttlMs);
  const payload = findings?.payload ?? content.payload;
  const etag = Buffer.byteLength(content.etag) <= MAX_ETAG_BYTES ? content.etag : '';
  const item = create(ItemSchema, {
    ...(blob ? identityOf(blob) : { body: { case: 'payload', value: payload } }),
    contentType: contentTypeOf(content),
    version: offer.typeVersion,
    etag: etag !== '' && findings?.payload ? tagOfCleaned(etag, findings.payload) : etag,
    asOf: timeOf(content.asOf) ?? timestampFromMs(wallMs),
    ttl: durationFromMs(ttlMs),
    sensitivity: sensitivityOf(content.sensitivity) || offer.sensitivity,
    provenance: create(ProvenanceSchema, {
      provider: offer.provider.name,
      providerVersion: offer.provider.version,
      source: content.source,
      cleaned: [...(findings?.cleaned ?? [])],
    }),
    labels: content.labels,
    owner: content.owner,
  });
  const quality = shareOf(content.quality);
  if (quality !== undefined) item.quality = quality;
  const isUnfinished = findings?.unchecked !== undefined || findings?.isUncleaned === true;
  const { field, itemOffset } = encodeField(toBinary(ItemSchema, item));
  return {
    field,
    itemOffset,
    negative: false,
    large: blob !== undefined,
    // What was not examined to its end is to be fetched whole again, and soon.
    etag: isUnfinished ? '' : etag,
    judged: judge(findings, quality),
    facts: { sensitivity: item.sensitivity, labels: item.labels, owner: item.owner },
    confirmedAtMs: monotonicMs,
    ttlMs: isUnfinished ? Math.min(ttlMs, UNFINISHED_KEPT_MS) : ttlMs,
    staleMs: isUnfinished ? 0 : offer.staleMs,
  };
}

/** The media type of a value. */
export function contentTypeOf({ contentType }: Content): string {
  return plainText(contentType, MAX_LINE_CHARS) || DEFAULT_CONTENT_TYPE;
}

/** Equal tags mean equal values: what a cleaner made of a value is another one. */
function tagOfCleaned(etag: string, payload: Uint8Array): string {
  return `${etag}~${createHash('sha256').update(payload).digest('hex').slice(0, 16)}`;
}

/** The entry of a key that the provider does not have. */
export function negativeEntry(offer: Offer, monotonicMs: number): CacheEntry {
  return {
    field: new Uint8Array(0),
    itemOffset: 0,
    negative: true,
    large: false,
    etag: '',
    judged: unjudged,
    facts: noFacts,
    confirmedAtMs: monotonicMs,
    ttlMs: offer.negativeTtlMs,
    staleMs: 0,
  };
}

/** The entry, confirmed anew. */
export function confirm(entry: CacheEntry, ttlMs: number, monotonicMs: number): CacheEntry {
  const confirmed = { ...entry, ttlMs: clampTtl(ttlMs), confirmedAtMs: monotonicMs };
  if (confirmed.ttlMs === entry.ttlMs) return confirmed;
  // The item tells its ttl.
  const item = { ...itemOf(entry), ttl: durationFromMs(confirmed.ttlMs) };
  return { ...confirmed, ...encodeField(toBinary(ItemSchema, item)) };
}

/** The item of an entry, decoded. */
export function itemOf(entry: CacheEntry): Item {
  return fromBinary(ItemSchema, entry.field.subarray(entry.itemOffset));
}

/** Puts tag and length before an encoded item. */
export function encodeField(item: Uint8Array): { field: Uint8Array; itemOffset: number } {
  const field = new BinaryWriter()
    .tag(ItemResultSchema.field.item.number, WireType.LengthDelimited)
    .bytes(item)
    .finish();
  return { field, itemOffset: field.length - item.length };
}

function identityOf({ sha256, sizeBytes }: BlobId) {
  return { sha256: Buffer.from(sha256, 'hex'), sizeBytes: BigInt(sizeBytes) };
}

function clampTtl(ttlMs: number): number {
  return Math.min(Math.max(Math.round(ttlMs), 0), MAX_TTL_MS);
}
