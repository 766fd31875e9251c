import type { Client } from '@connectrpc/connect';
import {
  CacheStatus,
  type ContextRef,
  type ItemResult,
} from '@weir/sdk/gen/weir/context/v1/context_pb';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { Content, ProviderService } from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import type { Enforcer } from 'casbin';
import type { Cache } from './cache.ts';
import { present, refuse } from './present.ts';
import { benchRole } from './rules.ts';

/** What an item is made with. */
export interface Means {
  readonly enforcer: Enforcer;
  readonly cache: Cache;
  readonly provider: Client<typeof ProviderService>;
}

/** One ref: decided, looked up, or fetched with a call of its own. */
export async function fetchItem(
  { enforcer, cache, provider }: Means,
  ref: ContextRef,
  at: { readonly index: number; readonly signal: AbortSignal },
): Promise<ItemResult> {
  const { type, key } = ref;
  // Little more than half of what `enforce` costs, which is the same but for its promises.
  const allowed = enforcer.enforceSync(benchRole, type, 'fetch');
  if (!allowed) return refuse(at.index, Reason.DENIED);
  const cacheKey = `${type}/${key}`;
  const held = cache.get(cacheKey);
  if (held) return present(at.index, held, CacheStatus.HIT_MEMORY);
  const content = await fetchOne(provider, { type, key }, at.signal);
  if (!content) return refuse(at.index, Reason.KEY_NOT_FOUND);
  return present(at.index, cache.set(cacheKey, content), CacheStatus.MISS);
}

async function fetchOne(
  provider: Means['provider'],
  query: { readonly type: string; readonly key: string },
  signal: AbortSignal,
): Promise<Content | undefined> {
  for await (const { results } of provider.fetch({ queries: [query] }, { signal })) {
    for (const { outcome } of results) if (outcome.case === 'content') return outcome.value;
  }
  return undefined;
}
