import type { MethodImpl } from '@connectrpc/connect';
import { parsePrincipalName, refuse } from '@weir/kit';
import type { AuditService } from '@weir/sdk/gen/weir/audit/v1/audit_pb';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { administratorOf } from '../access.ts';
import type { Audit } from '../audit/audit.ts';
import { parseTime } from '../audit/requests.ts';
import type { Core } from '../core.ts';
import { malformed } from '../refusals.ts';

const COMMENT_CHARS_MAX = 500;

/** Drops the bodies of the calls of a principal, for good. The router records that it was done. */
export function eraseRecords(
  { clock, log }: Core,
  { records, minRetentionMs }: Audit,
): MethodImpl<typeof AuditService.method.eraseRecords> {
  return async (request, context) => {
    const { caller, tenant } = administratorOf(context, request.tenant);
    const principal = parsePrincipalName('principal', request.principal);
    if (request.comment.length > COMMENT_CHARS_MAX) {
      throw malformed('comment', `is longer than ${COMMENT_CHARS_MAX} characters; shorten it`);
    }
    const beforeMs = parseTime('to', request.to) ?? clock.wallMs();
    requireOld(beforeMs, clock.wallMs() - minRetentionMs);
    const of = { tenant, principal, beforeMs };
    const erased = await records.erase(of, context.signal);
    log.info(
      { tenant, by: caller.principal, records: erased },
      'records of a principal were erased',
    );
    return { records: BigInt(erased) };
  };
}

function requireOld(beforeMs: number, latestMs: number): void {
  if (beforeMs <= latestMs) return;
  const latest = new Date(latestMs).toISOString();
  throw refuse(
    Reason.IN_USE,
    `records are kept by the operator's order; what came before ${latest} can be erased: give it as "to"`,
    { metadata: { latest } },
  );
}
