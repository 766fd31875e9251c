import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { HandlerContext, MethodImpl } from '@connectrpc/connect';
import { refuse } from '@weir/kit';
import { indexPolicies } from '@weir/policy';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { DiffPoliciesRequest, PolicyService } from '@weir/sdk/gen/weir/policy/v1/service_pb';
import { administratorOf } from '../access.ts';
import { checkFor } from '../checks/checks.ts';
import type { Core } from '../core.ts';
import { type DiffBounds, diffCalls } from '../policy/diff/diff.ts';
import { createReplay, type RecordedCall } from '../policy/diff/replay.ts';
import { draftPolicies } from '../policy/drafts.ts';
import { malformed } from '../refusals.ts';

const ITEMS_DEFAULT = 100_000;
const ITEMS_MAX = 1_000_000;
const SPAN_DEFAULT_MS = 24 * 3_600_000;
/** Diffs at work, one of each tenant; each may take as long as its deadline. */
const DIFFS_MAX = 4;
const RETRY_MS = 5000;
/** The time of a call without a deadline. */
const TIMEOUT_DEFAULT_MS = 10_000;
/** What of the time there is goes to the calls; the rest is for the answer. */
const TIME_SHARE = 0.8;

/** Reads the calls of a tenant between two times (wall, ms), newest first. */
export type ScanCalls = (
  of: { readonly tenant: string; readonly fromMs: number; readonly toMs: number },
  signal: AbortSignal,
) => AsyncIterable<RecordedCall>;

/** Decides recorded calls anew under policies that are tried, and tells what would change. */
export function diffPolicies(
  core: Core,
  scan: ScanCalls,
): MethodImpl<typeof PolicyService.method.diffPolicies> {
  const atWork = new Set<string>();
  return async (request, context) => {
    const { caller, tenant } = administratorOf(context, '');
    const bounds = boundsOf(core, request, context);
    const span = spanOf(request, core.clock.wallMs());
    if (atWork.has(tenant) || atWork.size >= DIFFS_MAX) throw busy();
    atWork.add(tenant);
    try {
      const drafts = await draftPolicies(core, request, { caller, check: checkFor(context) });
      const [before, after] = [indexPolicies(drafts.inForce), indexPolicies(drafts.all)];
      const replay = createReplay(core.store, before, after);
      return await diffCalls(scan({ tenant, ...span }, context.signal), replay, bounds);
    } finally {
      atWork.delete(tenant);
    }
  };
}

function boundsOf(
  { clock }: Core,
  { maxItems }: DiffPoliciesRequest,
  context: HandlerContext,
): DiffBounds {
  if (maxItems > ITEMS_MAX) throw malformed('max_items', `has to be 0 to ${ITEMS_MAX}`);
  const timeMs = (context.timeoutMs() ?? TIMEOUT_DEFAULT_MS) * TIME_SHARE;
  return { itemsMax: maxItems || ITEMS_DEFAULT, untilMs: clock.monotonicMs() + timeMs, clock };
}

function spanOf({ from, to }: DiffPoliciesRequest, nowMs: number) {
  const toMs = to ? timestampMs(to) : nowMs;
  const fromMs = from ? timestampMs(from) : toMs - SPAN_DEFAULT_MS;
  if (fromMs < toMs) return { fromMs, toMs };
  throw malformed('from', 'is not before the end; give an earlier time');
}

function busy() {
  const text = 'as many diffs as there may be are at work; try again later';
  return refuse(Reason.OVERLOADED, text, { retryDelayMs: RETRY_MS });
}
