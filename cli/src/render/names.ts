import type { DescEnum } from '@bufbuild/protobuf';
import { CacheStatus, type ContextRef } from '@weir/sdk/gen/weir/context/v1/context_pb';
import { type Reason, ReasonSchema } from '@weir/sdk/gen/weir/errors/v1/reason_pb';

const cacheWords: Record<CacheStatus, string> = {
  [CacheStatus.UNSPECIFIED]: 'not looked up',
  [CacheStatus.MISS]: 'fetched',
  [CacheStatus.HIT_MEMORY]: 'memory hit',
  [CacheStatus.HIT_SHARED]: 'shared hit',
  [CacheStatus.STALE]: 'stale, refreshing',
  [CacheStatus.REVALIDATED]: 'revalidated',
  [CacheStatus.COALESCED]: 'fetched with others',
  [CacheStatus.BYPASS]: 'fetched, not cached',
};

/** How a router came by an outcome, in words. */
export function cacheText(status: CacheStatus): string {
  return cacheWords[status] ?? `cache status ${status}`;
}

/** The stable name of a reason, such as `KEY_NOT_FOUND`. */
export function reasonName(reason: Reason): string {
  return ReasonSchema.value[reason]?.localName ?? `REASON_${reason}`;
}

/** The short name of an enum's value in lower case, such as `up`; empty when not stated. */
export function enumText(schema: DescEnum, value: number): string {
  if (value === 0) return '';
  return (schema.value[value]?.localName ?? String(value)).toLowerCase().replaceAll('_', ' ');
}

/** A ref as people type it. */
export function refText(ref: ContextRef): string {
  const range = ref.versionRange === '' ? '' : `@${ref.versionRange}`;
  return `${ref.type}${range}/${ref.key}`;
}
