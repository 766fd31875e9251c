import { create } from '@bufbuild/protobuf';
import { type Clock, refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import {
  type ListEntry,
  ListRequestSchema,
  type ListResponse,
} from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import {
  type ContextEntry,
  ContextEntrySchema,
  type ListContextRequest,
  type ListContextResponse,
  ListContextResponseSchema,
  type ListGap,
  ListGapSchema,
} from '@weir/sdk/gen/weir/router/v1/router_pb';
import type { Asked } from '../answer.ts';
import { type Call, createCall } from '../call.ts';
import { told } from '../gather/flights.ts';
import type { Upstream } from '../gather/upstream.ts';
import { refusedByUpstream } from '../gather/upstream-errors.ts';
import { compareText, type Offer } from '../snapshot/catalogue.ts';
import type { SnapshotHolder } from '../snapshot/holder.ts';
import { type Position, readPageToken, writePageToken } from './page-token.ts';
import { listSources } from './sources.ts';

/** What listing needs. */
export interface ListDeps {
  readonly holder: SnapshotHolder;
  readonly upstream: Upstream;
  readonly clock: Clock;
}

const DEFAULT_PAGE_SIZE = 50;
const MAX_PAGE_SIZE = 500;
const MAX_TEXT_BYTES = 1024;

interface Page {
  readonly offer: Offer;
  readonly position: Position;
  readonly answer: ListResponse;
}

/**
 * Lists over all providers: each is asked for a page from where the last one stopped, the
 * pages are merged, and the first entries of all make the page. A provider of which only a
 * part was taken is asked for the same page again, and that part is left out.
 */
export async function listAll(
  deps: ListDeps,
  request: ListContextRequest,
  asked: Asked,
): Promise<ListContextResponse> {
  const pageSize = parsePageSize(request);
  using call = createCall({ ...asked, clock: deps.clock, itemTimeoutMs: undefined });
  const positions = readPageToken(request, asked.caller.tenant);
  const sources = listSources(deps.holder.current, asked.caller.tenant, request);
  const open = sources.filter((offer) => positions.get(sourceName(offer))?.done !== true);
  const gaps: ListGap[] = [];
  const pages: Page[] = [];
  await Promise.all(
    open.map(async (offer) => {
      const position = positions.get(sourceName(offer)) ?? { token: '', skip: 0, done: false };
      const page = await askForPage(deps, call, { offer, position, request, pageSize });
      if ('answer' in page) pages.push(page);
      else gaps.push(page);
    }),
  );
  const { entries, next } = merge(pages, request, pageSize);
  for (const page of pages) {
    positions.set(sourceName(page.offer), next.get(page) ?? page.position);
  }
  // A gap is told once: the pages that follow are without that provider.
  for (const gap of gaps) positions.set(`${gap.type}/${gap.provider}`, DONE);
  const more = open.some((offer) => positions.get(sourceName(offer))?.done !== true);
  return create(ListContextResponseSchema, {
    entries,
    gaps,
    nextPageToken: more ? writePageToken(request, asked.caller.tenant, positions) : '',
  });
}

const DONE: Position = { token: '', skip: 0, done: true };

function sourceName(offer: Offer): string {
  return `${offer.type}/${offer.provider.name}`;
}

function parsePageSize(request: ListContextRequest): number {
  const { pageSize, keyPrefix, query } = request;
  if (pageSize < 0 || pageSize > MAX_PAGE_SIZE) {
    throw refuse(
      Reason.INVALID_PAGE,
      `page_size is ${pageSize}; give 0 (for ${DEFAULT_PAGE_SIZE}) to ${MAX_PAGE_SIZE}`,
    );
  }
  for (const [field, text] of Object.entries({ key_prefix: keyPrefix, query })) {
    if (Buffer.byteLength(text) > MAX_TEXT_BYTES) {
      throw refuse(Reason.MALFORMED_REQUEST, `${field} is longer than ${MAX_TEXT_BYTES} bytes`);
    }
  }
  return pageSize || DEFAULT_PAGE_SIZE;
}

async function askForPage(
  { upstream, clock }: ListDeps,
  call: Call,
  wanted: { offer: Offer; position: Position; request: ListContextRequest; pageSize: number },
): Promise<Page | ListGap> {
  const { offer, position, request, pageSize } = wanted;
  const cancel = new AbortController();
  void call.stopped().then(() => cancel.abort());
  const timeoutMs = Math.min(call.deadlineMs - clock.monotonicMs(), offer.provider.timeoutMs);
  try {
    const answer = await upstream.list(
      offer.provider,
      create(ListRequestSchema, {
        type: offer.type,
        typeVersion: offer.typeVersion,
        keyPrefix: request.keyPrefix,
        query: request.query,
        pageSize: Math.min(pageSize + position.skip, MAX_PAGE_SIZE * 2),
        pageToken: position.token,
        caller: told(offer.provider, call.caller),
      }),
      { signal: cancel.signal, timeoutMs },
    );
    return { offer, position, answer };
  } catch (error) {
    const { refusal } = refusedByUpstream(error, offer.provider);
    return create(ListGapSchema, { provider: offer.provider.name, type: offer.type, refusal });
  }
}

/** The first entries of all pages, and where each source goes on. */
function merge(pages: readonly Page[], request: ListContextRequest, pageSize: number) {
  const all = pages.flatMap((page) =>
    page.answer.entries.slice(page.position.skip).map((entry) => ({ page, entry })),
  );
  // Within a source the provider's own order holds: the sort is stable, and a source's
  // entries come in it.
  all.sort((a, b) =>
    request.query !== ''
      ? b.entry.score - a.entry.score
      : compareText(a.page.offer.type, b.page.offer.type) ||
        (a.page === b.page ? 0 : compareText(a.entry.key, b.entry.key)),
  );
  const taken = new Map<Page, number>();
  const entries = all.slice(0, pageSize).map(({ page, entry }) => {
    taken.set(page, (taken.get(page) ?? 0) + 1);
    return present(page.offer, entry);
  });
  const next = new Map(pages.map((page) => [page, advance(page, taken.get(page) ?? 0)]));
  return { entries, next };
}

function advance({ position, answer }: Page, taken: number): Position {
  const skip = position.skip + taken;
  if (skip < answer.entries.length) return { ...position, skip };
  if (answer.nextPageToken === '') return DONE;
  return { token: answer.nextPageToken, skip: 0, done: false };
}

function present(offer: Offer, entry: ListEntry): ContextEntry {
  return create(ContextEntrySchema, {
    ref: { type: offer.type, key: entry.key, provider: offer.provider.name },
    title: entry.title,
    summary: entry.summary,
    score: entry.score,
    ...(entry.updateTime ? { updateTime: entry.updateTime } : {}),
  });
}
