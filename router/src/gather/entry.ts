import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { durationFromMs, durationMs, timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  type Item,
  ItemResultSchema,
  ItemSchema,
  ProvenanceSchema,
  type Sensitivity,
} from '@weir/sdk/gen/weir/context/v1/context_pb';
import type { Content } from '@weir/sdk/gen/weir/provider/v1/provider_pb';
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
  readonly etag: string;
  /** NaN: not judged. */
  readonly quality: number;
  readonly sensitivity: Sensitivity;
  /** Monotonic; when the provider last confirmed it. */
  readonly confirmedAtMs: number;
  /** How long it is fresh after that; 0: it is not kept. */
  readonly ttlMs: number;
  /** How long after its ttl it may be served while it is refreshed. */
  readonly staleMs: number;
}

/** The longest that anything is cached, whatever a provider says. */
export const MAX_TTL_MS = 24 * 60 * 60 * 1000;

/** Longer etags are dropped: the value is then fetched rather than revalidated. */
const MAX_ETAG_BYTES = 255;

const MAX_LINE_CHARS = 200;

const DEFAULT_CONTENT_TYPE = 'application/json';

/** Admits a provider's value: fills in what the manifest says, and encodes the item. */
export function admit(
  content: Content,
  offer: Offer,
  at: { wallMs: number; monotonicMs: number },
): CacheEntry {
  const ttlMs = clampTtl(content.ttl ? durationMs(content.ttl) : offer.ttlMs);
  const item = create(ItemSchema, {
    body: { case: 'payload', value: content.payload },
    contentType: plainText(content.contentType, MAX_LINE_CHARS) || DEFAULT_CONTENT_TYPE,
    version: offer.typeVersion,
    etag: Buffer.byteLength(content.etag) <= MAX_ETAG_BYTES ? content.etag : '',
    asOf: timeOf(content.asOf) ?? timestampFromMs(at.wallMs),
    ttl: durationFromMs(ttlMs),
    sensitivity: sensitivityOf(content.sensitivity) || offer.sensitivity,
    provenance: create(ProvenanceSchema, {
      provider: offer.provider.name,
      providerVersion: offer.provider.version,
      source: content.source,
    }),
    labels: content.labels,
    owner: content.owner,
  });
  const quality = shareOf(content.quality);
  if (quality !== undefined) item.quality = quality;
  const { field, itemOffset } = encodeField(toBinary(ItemSchema, item));
  return {
    field,
    itemOffset,
    negative: false,
    etag: item.etag,
    quality: item.quality ?? Number.NaN,
    sensitivity: item.sensitivity,
    confirmedAtMs: at.monotonicMs,
    ttlMs,
    staleMs: offer.staleMs,
  };
}

/** The entry of a key that the provider does not have. */
export function negativeEntry(offer: Offer, monotonicMs: number): CacheEntry {
  return {
    field: new Uint8Array(0),
    itemOffset: 0,
    negative: true,
    etag: '',
    quality: Number.NaN,
    sensitivity: 0,
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

function clampTtl(ttlMs: number): number {
  return Math.min(Math.max(Math.round(ttlMs), 0), MAX_TTL_MS);
}
