import { create } from '@bufbuild/protobuf';
import { durationFromMs, durationMs, timestampNow } from '@bufbuild/protobuf/wkt';
import { type Client, Code, ConnectError, type ServiceImpl } from '@connectrpc/connect';
import { maxBatch } from '../consumer/fetch.ts';
import { merge } from '../consumer/stream.ts';
import type { Refusal } from '../errors.ts';
import {
  CacheStatus,
  type Item,
  type ItemResult,
  ItemResultSchema,
  ItemSchema,
  RefusalSchema,
} from '../gen/weir/context/v1/context_pb.ts';
import { Reason } from '../gen/weir/errors/v1/reason_pb.ts';
import type { Content, FetchResult, ProviderService } from '../gen/weir/provider/v1/provider_pb.ts';
import type { FetchContextRequest, RouterService } from '../gen/weir/router/v1/router_pb.ts';
import type { Caller, ContextDefinition } from '../provider/context.ts';
import type { ProviderDefinition } from '../provider/definition.ts';
import { sensitivityToWire } from '../sensitivity.ts';
import { wholeResults } from './assemble.ts';
import { listContext } from './list.ts';
import { callRefusal, failureRefusal, refusalOf } from './refusals.ts';
import { type Offer, route } from './route.ts';

/** What a test router works with. */
export interface TestRouting {
  readonly offers: readonly Offer[];
  readonly caller: Caller;
  clientOf(provider: ProviderDefinition): Client<typeof ProviderService>;
}

/** Answers what consumers call, from providers in memory; without cache, policy or registry. */
export function createTestRouter(routing: TestRouting): ServiceImpl<typeof RouterService> {
  return {
    async fetchContext(request, { signal }) {
      const results: ItemResult[] = [];
      for await (const result of answer(routing, request, signal)) results[result.index] = result;
      return { results };
    },
    async *streamContext({ fetch }, { signal }) {
      for await (const result of answer(routing, need(fetch), signal)) yield { result };
    },
    listContext: (request, { signal }) => listContext(routing, request, signal),
    async explain({ fetch }, { signal }) {
      const explanations = [];
      for await (const result of answer(routing, need(fetch), signal)) {
        const item = result.outcome.case === 'item' ? result.outcome.value : undefined;
        explanations[result.index] = { result, typeVersion: item?.version ?? '' };
      }
      return { explanations, snapshot: { epoch: 'test' } };
    },
  };
}

interface Asked {
  readonly index: number;
  readonly key: string;
  readonly context: ContextDefinition;
}

/** The results of a batch, as they come: refused refs first, then what each provider answers. */
export async function* answer(
  routing: TestRouting,
  request: FetchContextRequest,
  signal: AbortSignal,
): AsyncGenerator<ItemResult> {
  checkSize(request.refs.length);
  const byProvider = new Map<ProviderDefinition, Asked[]>();
  for (const [index, ref] of request.refs.entries()) {
    const found = route(routing.offers, ref);
    if (!found.ok) {
      yield refused(index, found.refusal);
      continue;
    }
    const { provider, context } = found.offer;
    const asked = { index, key: ref.key, context };
    byProvider.set(provider, [...(byProvider.get(provider) ?? []), asked]);
  }
  const sources = [...byProvider].map(([provider, asked]) =>
    askProvider(routing, { provider, asked, request, signal }),
  );
  yield* merge(sources);
}

interface ProviderCall {
  readonly provider: ProviderDefinition;
  readonly asked: readonly Asked[];
  readonly request: FetchContextRequest;
  readonly signal: AbortSignal;
}

async function* askProvider(
  { clientOf, caller }: TestRouting,
  { provider, asked, request, signal }: ProviderCall,
): AsyncGenerator<ItemResult> {
  const waiting = new Map(asked.entries());
  const queries = asked.map(({ key, context: { type, version } }) => ({
    type,
    typeVersion: version,
    key,
  }));
  const { itemTimeout, minQuality } = request;
  const timeout = itemTimeout && { timeoutMs: durationMs(itemTimeout) };
  try {
    const wire = { ...caller, attributes: { ...caller.attributes } };
    const answers = clientOf(provider).fetch({ queries, caller: wire }, { signal, ...timeout });
    for await (const result of wholeResults(answers)) {
      const wanted = waiting.get(result.index);
      waiting.delete(result.index);
      if (wanted !== undefined) yield present(result, wanted, { provider, minQuality });
    }
  } catch (error) {
    for (const { index } of waiting.values()) yield refused(index, callRefusal(error));
  }
}

function present(
  { outcome }: FetchResult,
  { index, context }: Asked,
  { provider, minQuality }: { readonly provider: ProviderDefinition; readonly minQuality: number },
): ItemResult {
  if (outcome.case === 'failure') return refused(index, failureRefusal(outcome.value));
  if (outcome.case !== 'content') return refused(index, refusalOf(Reason.KEY_NOT_FOUND));
  const { quality } = outcome.value;
  if ((quality ?? 1) < minQuality) {
    return refused(index, refusalOf(Reason.QUALITY_TOO_LOW));
  }
  const value = itemOf(outcome.value, { provider, context });
  const cache = CacheStatus.MISS;
  const outcomeOf = { case: 'item', value } as const;
  return create(ItemResultSchema, { index, cache, quality: quality ?? 1, outcome: outcomeOf });
}

function itemOf(content: Content, { provider, context }: Offer): Item {
  const { payload, contentType, etag, asOf, labels, owner, quality, source } = content;
  const ttl = content.ttl ?? (context.ttlMs ? durationFromMs(context.ttlMs) : undefined);
  return create(ItemSchema, {
    body: { case: 'payload', value: payload },
    contentType,
    etag,
    labels,
    owner,
    version: context.version,
    asOf: asOf ?? timestampNow(),
    sensitivity: content.sensitivity || sensitivityToWire(context.sensitivity),
    provenance: { provider: provider.name, providerVersion: provider.version, source },
    ...(ttl && { ttl }),
    ...(quality !== undefined && { quality }),
  });
}

function refused(
  index: number,
  { retryDelayMs, offeredVersions, ...refusal }: Refusal,
): ItemResult {
  const value = create(RefusalSchema, {
    ...refusal,
    offeredVersions: [...offeredVersions],
    ...(retryDelayMs !== undefined && { retryDelay: durationFromMs(retryDelayMs) }),
  });
  return create(ItemResultSchema, { index, outcome: { case: 'refusal', value } });
}

function checkSize(refs: number): void {
  if (refs > 0 && refs <= maxBatch) return;
  throw new ConnectError(`a batch holds 1 to ${maxBatch} refs, not ${refs}`, Code.InvalidArgument);
}

function need(fetch: FetchContextRequest | undefined): FetchContextRequest {
  if (fetch !== undefined) return fetch;
  throw new ConnectError('the request holds no batch: set `fetch`', Code.InvalidArgument);
}
