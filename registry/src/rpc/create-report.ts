import type { MethodImpl } from '@connectrpc/connect';
import { callerOf } from '@weir/kit';
import {
  type AuditService,
  type CreateReportRequest,
  ReportKind,
  ReportKindSchema,
} from '@weir/sdk/gen/weir/audit/v1/audit_pb';
import type { Audit } from '../audit/audit.ts';
import { writeReport } from '../audit/report/report.ts';
import { wordsOf } from '../audit/report/words/languages.ts';
import { auditedTenant, parseTimes } from '../audit/requests.ts';
import { streamed } from '../audit/streamed.ts';
import { allRecords, type RecordMatch } from '../audit/terms.ts';
import type { Core } from '../core.ts';
import { malformed } from '../refusals.ts';

const LAST_MS = 30 * 86_400_000;

/** Writes a report for people. */
export function createReport(
  core: Core,
  audit: Audit,
): MethodImpl<typeof AuditService.method.createReport> {
  return async function* (request, context) {
    const tenant = auditedTenant(context, request.tenant);
    const kind = parseReportKind(request.kind);
    const words = wordsOf(request.language);
    const times = parseTimes(request, { nowMs: core.clock.wallMs(), lastMs: LAST_MS });
    const all = allRecords(tenant, times.fromMs, times.toMs);
    const match = kind === ReportKind.ACCESS_REQUEST ? { ...all, ...parseAbout(request) } : all;
    const madeBy = callerOf(context).principal;
    using _slot = audit.slots.take(tenant);
    const parts = writeReport({ core, audit }, { kind, match, madeBy, words }, context.signal);
    for await (const part of streamed(parts)) yield { data: new TextEncoder().encode(part.html) };
  };
}

function parseReportKind(kind: ReportKind): ReportKind {
  if (kind !== ReportKind.UNSPECIFIED && ReportKindSchema.value[kind]) return kind;
  throw malformed('kind', 'say which report: an access request, ISO 27001 or MLPS');
}

/** Whose data it is about: what somebody did, or who saw an item. */
function parseAbout({
  principal,
  type,
  key,
}: CreateReportRequest): Pick<RecordMatch, 'principal' | 'type' | 'key'> {
  if ((principal === '') !== (key === '') && (key !== '' || type === ''))
    return { principal, type, key };
  throw malformed(
    'principal',
    'name either a principal, or the key of items and perhaps their type',
  );
}
