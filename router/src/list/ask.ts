import { create } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { type Clock, keyFault } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { ListRequestSchema } from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import {
  type ListContextRequest,
  type ListGap,
  ListGapSchema,
} from '@weir/sdk/gen/weir/router/v1/router_pb';
import type { Call } from '../call.ts';
import { told } from '../gather/told.ts';
import type { Limits } from '../limits/limits.ts';
import { type Refused, refused } from '../outcome.ts';
import type { Offer } from '../snapshot/catalogue.ts';
import type { Upstream } from '../upstream/upstream.ts';
import { refusedByUpstream } from '../upstream/upstream-errors.ts';
import type { Page } from './merge.ts';
import type { Position } from './page-token.ts';

/** What asking providers for their lists needs. */
export interface AskDeps {
  readonly limits: Limits;
  readonly upstream: Upstream;
  readonly clock: Clock;
}

/** Entries that a provider is asked for at least: of some of them the caller may know nothing. */
const ASKED_MIN = 50;
const ASKED_MAX = 1_000;
const MAX_PROVIDER_TOKEN_LENGTH = 1024;

/** What a source is asked for. */
export interface Wanted {
  readonly offer: Offer;
  readonly position: Position;
  readonly request: ListContextRequest;
  readonly pageSize: number;
}

/** Asks a provider for its entries from a position on. */
export async function askForPage(
  { upstream, clock, limits }: AskDeps,
  call: Call,
  wanted: Wanted,
): Promise<Page | ListGap> {
  const { offer, position } = wanted;
  const { refusal } = limits.takeFrom(offer.provider, 1);
  if (refusal) {
    const { reason, message, retryDelayMs = 0 } = refusal;
    return gapOf(offer, refused(reason, message, { retryDelayMs }));
  }
  const cancel = new AbortController();
  void call.stopped().then(() => cancel.abort());
  const timeoutMs = Math.min(call.deadlineMs - clock.monotonicMs(), offer.provider.timeoutMs);
  try {
    const limited = { signal: cancel.signal, timeoutMs };
    const answer = await upstream.list(offer.provider, requestOf(wanted, call), limited);
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

function requestOf({ offer, position, request, pageSize }: Wanted, { caller }: Call) {
  return create(ListRequestSchema, {
    type: offer.type,
    typeVersion: offer.typeVersion,
    keyPrefix: request.keyPrefix,
    query: request.query,
    // One more than are shown tells whether there is one more.
    pageSize: Math.min(Math.max(pageSize + 1, ASKED_MIN) + position.skip, ASKED_MAX),
    pageToken: position.token,
    caller: told(offer.provider, caller),
  });
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
