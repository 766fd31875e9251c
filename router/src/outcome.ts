import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { codeOf } from '@weir/kit';
import { CacheStatus, type Refusal, RefusalSchema } from '@weir/sdk/gen/weir/context/v1/context_pb';
import type { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { BlobLink } from './blobs/blob-store.ts';
import { type CacheEntry, itemOf } from './gather/entry.ts';

/** Why a ref has no item. */
export interface Refused {
  readonly kind: 'refused';
  readonly refusal: Refusal;
  /** The entry that it was, when the blob store has lost its bytes: it is to be forgotten. */
  readonly lost?: CacheEntry;
}

/** An item, as it lies in the cache. */
export interface Found {
  readonly kind: 'found';
  readonly entry: CacheEntry;
  readonly ageMs: number;
  /** The record of its provider at the time, from 0 to 1. */
  readonly record: number;
  /** How good it is, from 0 to 1. */
  readonly quality: number;
  /** What was done to it before it was given out, such as "mask /salary". */
  readonly redactions: readonly string[];
  /** Where its value is to be got, when it is too large to carry; made for this call. */
  readonly link?: BlobLink;
}

/** What became of a ref, and how. */
export type Outcome = (Found | Refused) & { readonly cache: CacheStatus };

/** The bytes of the value that an outcome gives out, wherever they lie; 0: it gives none. */
export function valueBytes(outcome: Found | Refused): number {
  if (outcome.kind === 'refused') return 0;
  const { entry } = outcome;
  return entry.large ? Number(itemOf(entry).sizeBytes) : entry.field.length;
}

/** A refusal; its status code follows from the reason. */
export function refused(
  reason: Reason,
  text: string,
  more: { code?: number; retryDelayMs?: number; offeredVersions?: string[] } = {},
): Refused {
  const init: MessageInitShape<typeof RefusalSchema> = {
    code: more.code ?? codeOf(reason),
    reason,
    text,
  };
  if (more.retryDelayMs !== undefined) init.retryDelay = durationFromMs(more.retryDelayMs);
  if (more.offeredVersions) init.offeredVersions = more.offeredVersions;
  return { kind: 'refused', refusal: create(RefusalSchema, init) };
}

/** The outcome of a ref that was refused before anything was looked up. */
export function refusedAtOnce(refusedRef: Refused): Outcome {
  return { ...refusedRef, cache: CacheStatus.UNSPECIFIED };
}
