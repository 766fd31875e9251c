import { fromBinary } from '@bufbuild/protobuf';
import { type SubjectRecord, SubjectRecordSchema } from '@weir/sdk/gen/weir/audit/v1/record_pb';
import type { Database } from '../../store/driver.ts';
import { bodyKinds, unpackBodies } from '../chunk.ts';
import { describedSubjectTerm } from '../terms.ts';
import { newestWith, readBodies } from './search.ts';

/** Chunks that are opened for one subject: filters are wrong once in a hundred times. */
const CHUNKS_OPENED = 4;

/** They are written soon before the calls that name them; clocks of routers may differ. */
const SLACK_MS = 60_000;

/** Which subject, and of a call at which time (ms). */
export interface SubjectQuery {
  readonly tenant: string;
  readonly fingerprint: Uint8Array;
  readonly timeMs: number;
}

/** Finds the attributes that a subject had; undefined: they were dropped. */
export async function findSubject(
  db: Database,
  { tenant, fingerprint, timeMs }: SubjectQuery,
): Promise<SubjectRecord | undefined> {
  const term = describedSubjectTerm(fingerprint);
  const query = { tenant, term, limit: CHUNKS_OPENED, beforeMs: Math.ceil(timeMs) + SLACK_MS };
  for (const hit of await newestWith(db, query)) {
    const packed = await readBodies(db, tenant, hit);
    for (const { kind, body } of packed ? unpackBodies(packed) : []) {
      if (kind !== bodyKinds.subject) continue;
      const subject = fromBinary(SubjectRecordSchema, body);
      if (Buffer.compare(subject.fingerprint, fingerprint) === 0) return subject;
    }
  }
  return undefined;
}
