import { create, toBinary } from '@bufbuild/protobuf';
import { type Caller, refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import {
  type ListContextRequest,
  type ListContextResponse,
  ListContextResponseSchema,
} from '@weir/sdk/gen/weir/router/v1/router_pb';
import type { Asked } from '../answer.ts';
import { requireStillValid } from '../authenticate.ts';
import { type Authority, createAuthority } from '../authorise.ts';
import { parsePurpose } from '../batch.ts';
import { createCall } from '../call.ts';
import type { SnapshotHolder } from '../snapshot/holder.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import { type AskDeps, askForPage } from './ask.ts';
import { gatherPage } from './gather-page.ts';
import { type PageTokens, sourceName } from './page-token.ts';
import { type Listed, type ShowDeps, showTo } from './show.ts';
import { listSources } from './sources.ts';

/** What listing needs. */
export interface ListDeps extends ShowDeps, AskDeps {
  readonly pageTokens: PageTokens;
  readonly holder: SnapshotHolder;
}

const DEFAULT_PAGE_SIZE = 50;
const MAX_PAGE_SIZE = 500;
const MAX_TEXT_BYTES = 1024;

/**
 * Lists over all providers: each is asked for a page from where the last one stopped, the
 * pages are merged, and the first entries of all that the caller may know of make the page. A
 * provider of which only a part was taken is asked for the same page again, and that part is left out.
 */
export async function listAll(
  deps: ListDeps,
  request: ListContextRequest,
  asked: Asked,
): Promise<{ response: ListContextResponse; listed: readonly Listed[]; snapshot: Snapshot }> {
  const pageSize = parsePageSize(request);
  using call = createCall(asked, {
    ...{ clock: deps.clock, timeoutMs: asked.timeoutMs, itemTimeoutMs: undefined },
  });
  const positions = deps.pageTokens.read(request, asked.caller);
  const snapshot = deps.holder.current;
  const purpose = parsePurpose(request.purpose);
  const nowMs = deps.clock.wallMs();
  let authority = createAuthority(snapshot, asked.caller, { purpose, nowMs });
  const sources = listSources(authority, asked.caller, request);
  const view = snapshot.tenants.get(asked.caller.tenant);
  // A list counts as one item; what is asked of each provider counts against its own rates.
  const beyond = deps.limits.take(asked.caller, view, 1);
  if (beyond) throw beyond;
  const showing = () => {
    authority = authorityNow(deps, authority, { caller: asked.caller, purpose });
    return showTo(deps, authority, { caller: asked.caller, purpose });
  };
  const { looked, gaps } = await gatherPage({
    ...{ sources, positions, size: pageSize, byScore: request.query !== '', showing },
    ask: (offer, position) => askForPage(deps, call, { offer, position, request, pageSize }),
  });
  const more = sources.some((offer) => positions.get(sourceName(offer))?.done !== true);
  const response = create(ListContextResponseSchema, {
    entries: looked.flatMap(({ entry }) => entry ?? []),
    gaps: gaps.filter(({ type }) => authority.access('list', type).visible),
    nextPageToken: more ? deps.pageTokens.write(request, asked.caller, positions) : '',
  });
  deps.limits.spend(asked.caller, view, toBinary(ListContextResponseSchema, response).length);
  return { response, listed: looked, snapshot };
}

/** The rules may be others by now, and the caller may not be let in any more. */
function authorityNow(
  deps: ListDeps,
  held: Authority,
  { caller, purpose }: { caller: Caller; purpose: string },
): Authority {
  const { current } = deps.holder;
  if (current === held.snapshot) return held;
  const nowMs = deps.clock.wallMs();
  return createAuthority(current, requireStillValid(deps, caller), { purpose, nowMs });
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
