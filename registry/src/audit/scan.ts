import type { CallRecord, SubjectRecord } from '@weir/sdk/gen/weir/audit/v1/record_pb';
import type { AuditStore } from './audit-store.ts';
import type { FindQuery, Found, RecordPlace } from './find.ts';
import { allRecords } from './terms.ts';

/** A call with the attributes that its subject had; undefined: they were dropped. */
export interface ScannedRecord {
  readonly record: CallRecord;
  readonly subject: SubjectRecord | undefined;
}

/** Records read at once. */
const AT_ONCE = 1000;
/** Subjects kept in memory, of at most 16 KiB each. */
const SUBJECTS_MAX = 1000;

/** All records that match, in their order, a part at a time in memory. */
export async function* findAll(
  audit: Pick<AuditStore, 'find'>,
  query: Omit<FindQuery, 'size' | 'after'>,
  signal: AbortSignal,
): AsyncGenerator<readonly Found[]> {
  let after: RecordPlace | undefined;
  do {
    const part = await audit.find({ ...query, size: AT_ONCE, after }, signal);
    if (part.records.length > 0) yield part.records;
    after = part.next;
  } while (after !== undefined);
}

/** The calls of a tenant between two times (wall, ms), newest first, in bounded memory. */
export async function* scanRecords(
  audit: Pick<AuditStore, 'find' | 'subject'>,
  of: { readonly tenant: string; readonly fromMs: number; readonly toMs: number },
  signal: AbortSignal,
): AsyncGenerator<ScannedRecord> {
  const { tenant, fromMs, toMs } = of;
  const match = allRecords(tenant, fromMs, toMs);
  const subjects = new Map<string, SubjectRecord | undefined>();
  for await (const part of findAll(audit, { match, order: 'newest' }, signal)) {
    for (const { record, timeMs } of part) {
      const { subject: fingerprint } = record;
      const name = Buffer.from(fingerprint).toString('base64');
      if (name !== '' && !subjects.has(name)) {
        const [oldest] = subjects.keys();
        if (subjects.size >= SUBJECTS_MAX && oldest !== undefined) subjects.delete(oldest);
        subjects.set(name, await audit.subject({ tenant, fingerprint, timeMs }));
      }
      yield { record, subject: subjects.get(name) };
    }
  }
}
