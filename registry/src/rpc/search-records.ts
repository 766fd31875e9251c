import type { MethodImpl } from '@connectrpc/connect';
import { refuse } from '@weir/kit';
import type { AuditService } from '@weir/sdk/gen/weir/audit/v1/audit_pb';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { Audit } from '../audit/audit.ts';
import type { RecordPlace } from '../audit/find.ts';
import { auditedTenant, parseMatch } from '../audit/requests.ts';
import type { Core } from '../core.ts';
import { parsePage } from '../pages.ts';

/** A place may lie just after the latest time that there is; the database knows none beyond. */
const PLACE_MAX_MS = Date.UTC(10_000, 0);

/** Finds records, newest first. */
export function searchRecords(
  { clock }: Core,
  { records }: Audit,
): MethodImpl<typeof AuditService.method.searchRecords> {
  return async ({ filter, ...request }, context) => {
    const tenant = auditedTenant(context, filter?.tenant ?? '');
    const asked = parseMatch(filter, { tenant, nowMs: clock.wallMs() });
    const { fromMs: _from, toMs: _to, ...rest } = asked;
    const bound = [filter?.from, filter?.to].map((time) => `${time?.seconds}.${time?.nanos}`);
    const page = parsePage(request, ['records', rest, ...bound]);
    const { fromMs, toMs, after }: Resumed = readPlace(page.after) ?? asked;
    const match = { ...asked, fromMs, toMs };
    const { size } = page;
    const found = await records.find({ match, order: 'newest', size, after }, context.signal);
    const { next } = found;
    return {
      records: await records.withHashes(found.records),
      nextPageToken: page.tokenAfter(
        next ? { items: [], after: writePlace(next, match) } : { items: [] },
      ),
    };
  };
}

/** The span of time stays that of the first page, while the time goes on. */
interface Resumed {
  readonly fromMs: number;
  readonly toMs: number;
  readonly after?: RecordPlace;
}

function writePlace(place: RecordPlace, { fromMs, toMs }: Resumed): string[] {
  const { timeMs, chain, position } = place;
  return [String(timeMs), chain, String(position), String(fromMs), String(toMs)];
}

function readPlace(after: readonly string[] | undefined): Resumed | undefined {
  if (!after) return undefined;
  const [time, chain = '', position, from, to] = after;
  const [timeMs = 0, at = 0, fromMs = 0, toMs = 0] = [time, position, from, to].map(Number);
  const isTime = (ms: number) => ms >= 0 && ms <= PLACE_MAX_MS;
  if (![timeMs, fromMs, toMs].every(isTime) || !Number.isSafeInteger(at)) {
    throw refuse(Reason.INVALID_PAGE, 'page_token was altered; give next_page_token as it is');
  }
  return { fromMs, toMs, after: { timeMs, chain, position: at } };
}
