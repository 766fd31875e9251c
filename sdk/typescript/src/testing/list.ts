import { create } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import {
  type ContextEntry,
  ContextEntrySchema,
  type ListContextRequest,
  type ListContextResponse,
  ListContextResponseSchema,
  type ListGap,
  ListGapSchema,
} from '../gen/weir/router/v1/router_pb.ts';
import { callRefusal } from './refusals.ts';
import type { Offer } from './route.ts';
import type { TestRouting } from './router.ts';

const defaultPageSize = 50;
const maxPageSize = 500;
/** The most entries read from one provider. */
const maxEntries = 10_000;

/** Lists what the providers have: all of it is read, ranked, and one page of it returned. */
export async function listContext(
  routing: TestRouting,
  request: ListContextRequest,
  signal: AbortSignal,
): Promise<ListContextResponse> {
  const { type, provider: name, pageSize, pageToken } = request;
  const offers = routing.offers.filter(
    ({ provider, context }) =>
      context.list !== undefined &&
      (type === '' || context.type === type) &&
      (name === '' || provider.name === name),
  );
  const gaps: ListGap[] = [];
  const lists = offers.map((offer) =>
    readAll(routing, { offer, request, signal }).catch((error: unknown) => {
      gaps.push(gapOf(offer, error));
      return [];
    }),
  );
  const entries = (await Promise.all(lists)).flat().sort(request.query === '' ? byKey : byScore);
  const from = readToken(pageToken);
  const to = from + Math.min(pageSize || defaultPageSize, maxPageSize);
  const nextPageToken = to < entries.length ? String(to) : '';
  return create(ListContextResponseSchema, {
    entries: entries.slice(from, to),
    nextPageToken,
    gaps,
  });
}

interface Reading {
  readonly offer: Offer;
  readonly request: ListContextRequest;
  readonly signal: AbortSignal;
}

async function readAll(
  { clientOf, caller }: TestRouting,
  { offer: { provider, context }, request, signal }: Reading,
): Promise<ContextEntry[]> {
  const { keyPrefix, query } = request;
  const { type, version: typeVersion } = context;
  const wire = { ...caller, attributes: { ...caller.attributes } };
  const fixed = { type, typeVersion, keyPrefix, query, caller: wire, pageSize: maxPageSize };
  const entries: ContextEntry[] = [];
  let pageToken = '';
  do {
    const page = await clientOf(provider).list({ ...fixed, pageToken }, { signal });
    for (const { key, title, summary, score, updateTime } of page.entries) {
      const ref = { type, key, provider: provider.name };
      const updated = updateTime && { updateTime };
      entries.push(create(ContextEntrySchema, { ref, title, summary, score, ...updated }));
    }
    pageToken = page.nextPageToken;
  } while (pageToken !== '' && entries.length < maxEntries);
  return entries;
}

function gapOf({ provider, context }: Offer, error: unknown): ListGap {
  const { code, reason, text } = callRefusal(error);
  const refusal = { code, reason, text };
  return create(ListGapSchema, { provider: provider.name, type: context.type, refusal });
}

function byKey(a: ContextEntry, b: ContextEntry): number {
  const [left, right] = [a, b].map(({ ref }) => `${ref?.type}/${ref?.key}`);
  return (left ?? '') < (right ?? '') ? -1 : 1;
}

function byScore(a: ContextEntry, b: ContextEntry): number {
  return b.score - a.score || byKey(a, b);
}

function readToken(pageToken: string): number {
  const from = Number(pageToken || 0);
  if (Number.isSafeInteger(from) && from >= 0) return from;
  throw new ConnectError('the page token is not of this list', Code.InvalidArgument);
}
