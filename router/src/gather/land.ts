import { durationMs } from '@bufbuild/protobuf/wkt';
import type { Clock } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { Content, FetchResult } from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import type { BlobId } from '../blobs/blob-store.ts';
import { type Refused, refused } from '../outcome.ts';
import { examineContent, invalidItem } from '../quality/examination.ts';
import type { Findings } from '../quality/examine.ts';
import type { Examiner } from '../quality/examiner.ts';
import type { Offer } from '../snapshot/catalogue.ts';
import { delayMsOf, plainText } from './bounds.ts';
import { admit, type CacheEntry, confirm } from './entry.ts';

/** How a flight ended. */
export type Landed =
  | { readonly kind: 'found'; readonly entry: CacheEntry; readonly revalidated: boolean }
  | { readonly kind: 'missing' }
  | (Refused & {
      /** The deadline that ran out was the starter's, not the provider's. */ readonly ofStarter: boolean;
    });

/** What is to be fetched. */
export interface Wanted {
  readonly key: string;
  readonly offer: Offer;
  readonly query: { readonly type: string; readonly key: string };
  /** The value held, out of date. */
  readonly stale: CacheEntry | undefined;
}

/** The largest payload; a message of 4 MiB must hold it with what stands beside it. */
export const MAX_PAYLOAD_BYTES = 4 * 1024 * 1024 - 64 * 1024;
/** An item with all that stands beside its payload: no more than an answer may hold. */
const MAX_ITEM_BYTES = MAX_PAYLOAD_BYTES + 32 * 1024;
/** Each costs on every answer that is decoded. Of an item with more, not all are read. */
export const MAX_LABELS = 128;

const MAX_TEXT_LENGTH = 500;
const MAX_CODE = 16;

/** What landing needs. */
export interface LandDeps {
  readonly clock: Clock;
  readonly examiner: Examiner;
}

/**
 * What a provider's result is, once it is admitted; a promise only when its offer asks for what
 * takes a worker. With `blob` its bytes are in that store.
 */
export function landedOf(
  deps: LandDeps,
  wanted: Wanted,
  { outcome }: FetchResult,
  blob?: BlobId,
): Landed | Promise<Landed> {
  const { offer, stale } = wanted;
  const { clock } = deps;
  const name = offer.provider.name;
  switch (outcome.case) {
    case 'content':
      return landContent(deps, offer, outcome.value, blob);
    case 'notModified': {
      if (!stale || stale.negative) {
        const text = `provider ${name} says not modified of a value that nobody holds`;
        return refusedWith(refused(Reason.PROVIDER_GARBAGE, text));
      }
      const { ttl } = outcome.value;
      const ttlMs = ttl ? durationMs(ttl) : offer.ttlMs;
      const entry = confirm(stale, ttlMs, clock.monotonicMs());
      return { kind: 'found', entry, revalidated: true };
    }
    case 'notFound':
      return { kind: 'missing' };
    case 'failure': {
      const { code, text, retryDelay } = outcome.value;
      return refusedWith(
        refused(Reason.PROVIDER_FAILED, `provider ${name}: ${plainText(text, MAX_TEXT_LENGTH)}`, {
          ...(code >= 1 && code <= MAX_CODE ? { code } : {}),
          ...(retryDelay ? { retryDelayMs: delayMsOf(retryDelay) } : {}),
        }),
      );
    }
    case 'part':
      return refusedWith(
        refused(Reason.PROVIDER_GARBAGE, `provider ${name} sent a part of a value not begun`),
      );
    case undefined:
      return refusedWith(
        refused(Reason.PROVIDER_GARBAGE, `provider ${name} sent a result without an outcome`),
      );
  }
}

function landContent(
  { clock, examiner }: LandDeps,
  offer: Offer,
  content: Content,
  blob: BlobId | undefined,
): Landed | Promise<Landed> {
  const bytes = content.payload.byteLength;
  if (bytes > MAX_PAYLOAD_BYTES) {
    const text = `the item has ${bytes} bytes; at most ${MAX_PAYLOAD_BYTES} can be carried`;
    return refusedWith(refused(Reason.ITEM_TOO_LARGE, text));
  }
  const labels = Object.keys(content.labels).length;
  if (labels > MAX_LABELS) {
    const text = `provider ${offer.provider.name} sent an item with more than the ${MAX_LABELS} labels that are carried`;
    return refusedWith(refused(Reason.PROVIDER_GARBAGE, text));
  }
  const at = { wallMs: clock.wallMs(), monotonicMs: clock.monotonicMs(), blob };
  const land = (findings?: Findings): Landed => {
    const invalid = findings && invalidItem(findings, offer);
    if (invalid) return refusedWith(invalid);
    const entry = admit(content, offer, { ...at, findings });
    if (entry.field.length <= MAX_ITEM_BYTES) return { kind: 'found', entry, revalidated: false };
    const text = `the item with its labels and source has ${entry.field.length} bytes; at most ${MAX_ITEM_BYTES} can be carried`;
    return refusedWith(refused(Reason.ITEM_TOO_LARGE, text));
  };
  const findings = examineContent(examiner, offer, content, blob !== undefined);
  return findings instanceof Promise ? findings.then(land) : land(findings);
}

function refusedWith(refusal: Refused): Landed {
  return { ...refusal, ofStarter: false };
}
