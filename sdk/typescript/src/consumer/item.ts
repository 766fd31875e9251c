import { durationMs, timestampDate } from '@bufbuild/protobuf/wkt';
import { Code } from '@connectrpc/connect';
import type { Refusal } from '../errors.ts';
import {
  type Item,
  type ItemResult,
  CacheStatus as WireCacheStatus,
  type Refusal as WireRefusal,
} from '../gen/weir/context/v1/context_pb.ts';
import { Reason } from '../gen/weir/errors/v1/reason_pb.ts';
import { readPayload } from '../payload.ts';
import type { ContextRef } from '../ref.ts';
import { type Sensitivity, sensitivityFromWire } from '../sensitivity.ts';

/** A piece of context. */
export interface ContextItem<T> {
  /** The value: parsed when it is JSON, a string when it is text, else its bytes. */
  readonly value: T;
  /** The value as it came; empty when it was not fetched from its link. */
  readonly bytes: Uint8Array;
  /**
   * Where a value lies that is too large to carry: absolute, or beginning with "/" at the address
   * of Weir. It was followed already, unless `links: 'keep'` was asked for; `value` is then
   * undefined. No credential is needed.
   */
  readonly url?: string;
  /** SHA-256 of the value in hexadecimal; set with `url`. */
  readonly sha256?: string;
  /** The size of the value in bytes; set with `url`. */
  readonly sizeBytes?: number;
  /** When the link stops working; set with `url`. */
  readonly urlExpireTime?: Date;
  /** The media type of the value. */
  readonly contentType: string;
  /** The version of the context type that the value conforms to. */
  readonly version: string;
  /** The provider's tag for this state of the value; equal tags mean equal values. */
  readonly etag: string;
  /** When the provider held this to be the value; when it last confirmed it, if it did not say. */
  readonly asOf: Date;
  /** How long, in milliseconds, the provider holds the value to stay true. 0: not at all. */
  readonly ttlMs: number;
  /** How sensitive the value is; `internal` when nobody says. */
  readonly sensitivity: Sensitivity;
  /**
   * How good the item is, from 0 to 1, as the router judges it: from its validity, freshness and
   * completeness, the provider's record and its judgement. `explain` tells the parts. Absent: the
   * router is older than this.
   */
  readonly quality?: number;
  /** How good the value is, from 0 to 1, in the provider's own judgement. Absent: not judged. */
  readonly judgement?: number;
  /** Where the value comes from. */
  readonly provenance: Provenance;
  /** Names and values that describe the item. */
  readonly labels: Readonly<Record<string, string>>;
  /** Who owns the value in its source; empty when nobody is named. */
  readonly owner: string;
  /** Whether a policy had something of it masked, removed or cut. */
  readonly redacted: boolean;
}

/** Where an item comes from. */
export interface Provenance {
  /** The provider's name. */
  readonly provider: string;
  /** The provider's version. */
  readonly providerVersion: string;
  /** The place within the source, such as a file name and line; empty when not told. */
  readonly source: string;
  /** The cleaners of the manifest that changed the value, such as `whitespace`. */
  readonly cleaned: readonly string[];
}

/** How the router came by an outcome. `none`: nothing was looked up. */
export type CacheStatus =
  | 'none'
  | 'miss'
  | 'hit-memory'
  | 'hit-shared'
  | 'stale'
  | 'revalidated'
  | 'coalesced'
  | 'bypass';

/** What became of one ref: an item (`ok: true`) or a refusal. */
export type ItemOutcome = ItemArrived | ItemRefusal;

/** What every outcome says. */
export interface OutcomeBase {
  /** The ref. */
  readonly ref: ContextRef;
  /** The position of the ref among those asked for, from 0. */
  readonly index: number;
  /** How the router came by the outcome. */
  readonly cache: CacheStatus;
  /** How long ago, in milliseconds, the provider last confirmed the item. 0: just now. */
  readonly ageMs: number;
}

/** The outcome of a ref whose item is there. */
export interface ItemArrived extends OutcomeBase {
  readonly ok: true;
  /** The item. */
  readonly item: ContextItem<unknown>;
}

/** The outcome of a ref whose item could not be had. */
export interface ItemRefusal extends OutcomeBase {
  readonly ok: false;
  /** Why there is no item. */
  readonly refusal: Refusal;
}

const cacheNames: Readonly<Record<number, CacheStatus>> = {
  [WireCacheStatus.MISS]: 'miss',
  [WireCacheStatus.HIT_MEMORY]: 'hit-memory',
  [WireCacheStatus.HIT_SHARED]: 'hit-shared',
  [WireCacheStatus.STALE]: 'stale',
  [WireCacheStatus.REVALIDATED]: 'revalidated',
  [WireCacheStatus.COALESCED]: 'coalesced',
  [WireCacheStatus.BYPASS]: 'bypass',
};

/**
 * Reads a result off the wire. A payload that is not what its content type says becomes a
 * refusal, so that one bad value spoils no batch.
 */
export function readOutcome(
  ref: ContextRef,
  index: number,
  result: ItemResult | undefined,
): ItemOutcome {
  const cache = cacheNames[result?.cache ?? 0] ?? 'none';
  const base = { ref, index, cache, ageMs: msOf(result?.age) };
  switch (result?.outcome.case) {
    case 'item':
      return { ...base, ...readItem(result.outcome.value, result, base.ageMs) };
    case 'refusal':
      return { ...base, ok: false, refusal: readRefusal(result.outcome.value) };
    default:
      return { ...base, ok: false, refusal: noOutcome };
  }
}

/** What stands for a ref that the router left without an outcome. */
const noOutcome: Refusal = {
  code: Code.Internal,
  reason: Reason.INTERNAL,
  text: 'the router gave no outcome for this ref',
  offeredVersions: [],
};

/** Reads a refusal off the wire. */
export function readRefusal(wire: WireRefusal): Refusal {
  return {
    code: wire.code,
    reason: wire.reason,
    text: wire.text,
    offeredVersions: wire.offeredVersions,
    ...(wire.retryDelay && { retryDelayMs: durationMs(wire.retryDelay) }),
  };
}

type Reading =
  | { readonly ok: true; readonly item: ContextItem<unknown> }
  | { readonly ok: false; readonly refusal: Refusal };

function readItem(
  wire: Item,
  { quality, redacted }: Pick<ItemResult, 'quality' | 'redacted'>,
  ageMs: number,
): Reading {
  const { body } = wire;
  const judged = quality === undefined ? {} : { quality };
  const meta = { ...readMeta(wire, ageMs), ...judged, redacted };
  if (body.case === 'url') {
    return { ok: true, item: { ...meta, value: undefined, ...readLinkOf(wire, body.value) } };
  }
  return withBytes({ ...meta, value: undefined }, body.value ?? new Uint8Array());
}

function readLinkOf({ sha256, sizeBytes, urlExpireTime }: Item, url: string) {
  return {
    url,
    sha256: [...sha256].map((byte) => byte.toString(16).padStart(2, '0')).join(''),
    sizeBytes: Number(sizeBytes),
    ...(urlExpireTime && { urlExpireTime: timestampDate(urlExpireTime) }),
  };
}

/** The item with its value, read from bytes. */
export function withBytes(item: ContextItem<unknown>, bytes: Uint8Array): Reading {
  const { contentType } = item;
  try {
    return { ok: true, item: { ...item, value: readPayload(contentType, bytes), bytes } };
  } catch (error) {
    const text = `the payload is not ${contentType}: ${String(error)}`;
    const refusal = { code: Code.DataLoss, reason: Reason.PROVIDER_GARBAGE, text };
    return { ok: false, refusal: { ...refusal, offeredVersions: [] } };
  }
}

function readMeta(wire: Item, ageMs: number): Omit<ContextItem<unknown>, 'value' | 'redacted'> {
  return {
    bytes: new Uint8Array(),
    contentType: wire.contentType || 'application/json',
    version: wire.version,
    etag: wire.etag,
    asOf: wire.asOf ? timestampDate(wire.asOf) : new Date(Date.now() - ageMs),
    ttlMs: msOf(wire.ttl),
    sensitivity: sensitivityFromWire(wire.sensitivity) ?? 'internal',
    provenance: {
      provider: wire.provenance?.provider ?? '',
      providerVersion: wire.provenance?.providerVersion ?? '',
      source: wire.provenance?.source ?? '',
      cleaned: wire.provenance?.cleaned ?? [],
    },
    labels: wire.labels,
    owner: wire.owner,
    ...(wire.quality !== undefined && { judgement: wire.quality }),
  };
}

function msOf(duration: Parameters<typeof durationMs>[0] | undefined): number {
  return duration === undefined ? 0 : durationMs(duration);
}
