import { create } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { type Clock, keyFault, refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { type ListEntry, ListRequestSchema } from '@weir/sdk/gen/weir/provider/v1/provider_pb';
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
import { plainText, shareOf, timeOf } from '../gather/bounds.ts';
import { told } from '../gather/told.ts';
import { type Refused, refused } from '../outcome.ts';
import type { Offer } from '../snapshot/catalogue.ts';
import type { SnapshotHolder } from '../snapshot/holder.ts';
import type { Upstream } from '../upstream/upstream.ts';
import { refusedByUpstream } from '../upstream/upstream-errors.ts';
import { DONE, mergePages, type Page } from './merge.ts';
import { type Position, readPageToken, sourceName, writePageToken } from './page-token.ts';
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
const START: Position = { token: '', skip: 0, last: '', done: false };
/** A full page of the longest entries stays below what clients take. */
const MAX_TITLE_CHARS = 200;
const MAX_SUMMARY_CHARS = 1_000;
const MAX_PROVIDER_TOKEN_LENGTH = 1024;

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
  const sources = listSources(deps.holder.current, asked.caller, request);
  const open = sources.filter((offer) => positions.get(sourceName(offer))?.done !== true);
  const answers = await Promise.all(
    open.map((offer) => {
      const position = positions.get(sourceName(offer)) ?? START;
      return askForPage(deps, call, { offer, position, request, pageSize });
    }),
  );
  const pages = answers.filter((answer) => 'answer' in answer);
  const gaps = answers.filter((answer): answer is ListGap => !('answer' in answer));
  const { entries, next } = mergePages(pages, request.query !== '', pageSize);
  // A gap is told once: the pages that follow are without that provider.
  for (const offer of open) positions.set(sourceName(offer), DONE);
  for (const [page, position] of next) positions.set(sourceName(page.offer), position);
  const more = open.some((offer) => positions.get(sourceName(offer))?.done !== true);
  return create(ListContextResponseSchema, {
    entries: entries.map(({ offer, entry }) => present(offer, entry)),
    gaps,
    nextPageToken: more ? writePageToken(request, asked.caller.tenant, positions) : '',
  });
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
    const fault = tokenFault(answer.nextPageToken, position);
    if (fault === undefined) {
      // What nobody could fetch is not listed.
      const entries = answer.entries.filter(({ key }) => keyFault(key) === undefined);
      return { offer, position, answer: { ...answer, entries } };
    }
    const text = `provider ${offer.provider.name} ${fault}`;
    return gapOf(offer, refused(Reason.PROVIDER_GARBAGE, text));
  } catch (error) {
    const cause = cancel.signal.aborted
      ? new ConnectError('the time for the call ran out', Code.DeadlineExceeded)
      : error;
    return gapOf(offer, refusedByUpstream(cause, offer.provider));
  }
}

function gapOf(offer: Offer, { refusal }: Refused): ListGap {
  return create(ListGapSchema, { provider: offer.provider.name, type: offer.type, refusal });
}

/** A list that cannot be gone on with, or would never end. */
function tokenFault(token: string, position: Position): string | undefined {
  if (token.length > MAX_PROVIDER_TOKEN_LENGTH) {
    return `sent a page token of ${token.length} characters; at most ${MAX_PROVIDER_TOKEN_LENGTH}`;
  }
  return token !== '' && token === position.token ? 'sent the same page token again' : undefined;
}

function present(offer: Offer, entry: ListEntry): ContextEntry {
  const updateTime = timeOf(entry.updateTime);
  return create(ContextEntrySchema, {
    ref: { type: offer.type, key: entry.key, provider: offer.provider.name },
    title: plainText(entry.title, MAX_TITLE_CHARS),
    summary: plainText(entry.summary, MAX_SUMMARY_CHARS),
    score: shareOf(entry.score) ?? 0,
    ...(updateTime ? { updateTime } : {}),
  });
}
