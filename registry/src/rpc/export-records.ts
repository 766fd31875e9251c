import type { MethodImpl } from '@connectrpc/connect';
import {
  type AuditService,
  ExportFormat,
  ExportFormatSchema,
} from '@weir/sdk/gen/weir/audit/v1/audit_pb';
import type { Audit } from '../audit/audit.ts';
import { csvHead, csvOf } from '../audit/csv.ts';
import { ndjsonOf } from '../audit/ndjson.ts';
import { auditedTenant, parseMatch } from '../audit/requests.ts';
import { findAll } from '../audit/scan.ts';
import { streamed } from '../audit/streamed.ts';
import type { Core } from '../core.ts';
import { malformed } from '../refusals.ts';

/** Writes the records that match, oldest first, a message for each thousand or fewer. */
export function exportRecords(
  { clock }: Core,
  audit: Audit,
): MethodImpl<typeof AuditService.method.exportRecords> {
  return async function* ({ filter, format }, context) {
    const tenant = auditedTenant(context, filter?.tenant ?? '');
    const match = parseMatch(filter, { tenant, nowMs: clock.wallMs() });
    if (!ExportFormatSchema.value[format]) throw malformed('format', `${format} is not a format`);
    using _slot = audit.slots.take(tenant);
    const { records } = audit;
    const csv = format === ExportFormat.CSV;
    const bytes = (text: string) => ({ data: new TextEncoder().encode(text) });
    if (csv) yield bytes(csvHead);
    const parts = findAll(records, { match, order: 'oldest' }, context.signal);
    for await (const part of streamed(parts)) {
      const found = await records.withHashes(part);
      yield bytes(found.map(csv ? csvOf : ndjsonOf).join(''));
    }
  };
}
