import { randomBytes } from 'node:crypto';
import { create, toBinary } from '@bufbuild/protobuf';
import type { Journal } from '@weir/journal';
import type { Clock } from '@weir/kit';
import type { Subject } from '@weir/policy';
import { SubjectRecordSchema } from '@weir/sdk/gen/weir/audit/v1/record_pb';
import { createCallEncoder } from './call-encoder.ts';
import { SALT_BYTES } from './record-writer.ts';
import type { RecordedCall, RefusedCall } from './recorded.ts';
import { createRefusedCalls } from './refused-calls.ts';

/** Records the calls of a router in its journal. */
export interface Recorder extends Disposable {
  /**
   * Records a call. Its answer may leave when the promise resolves; undefined: at once. Rejects, and
   * throws, with JOURNAL_UNAVAILABLE: then there is no answer.
   */
  record(call: RecordedCall): Promise<void> | undefined;
  /**
   * Records a call that nobody was let in for: 100 of them, and one more each second; the others are
   * counted, in one record for each reason and address. Never throws: there is nothing to keep back.
   */
  recordRefused(call: RefusedCall): void;
}

/** What a recorder needs. */
export interface RecorderOptions {
  readonly journal: Pick<Journal, 'append' | 'written' | 'generation'>;
  readonly clock: Clock;
  /** What the router is called in records. */
  readonly router: string;
}

/** The longest record of a subject, in bytes; of one that is longer the attributes are left out. */
export const SUBJECT_MAX_BYTES = 64 * 1024;

/** Creates the recorder of a router. */
export function createRecorder({ journal, clock, router }: RecorderOptions): Recorder {
  const encoder = createCallEncoder(router);
  const recorded = new Set<string>();
  let generation = journal.generation;

  /** Once in each segment, so that each can be read without the others. */
  const recordSubject = (subject: Subject): void => {
    if (generation !== journal.generation) {
      generation = journal.generation;
      recorded.clear();
    }
    if (recorded.has(subject.fingerprint)) return;
    journal.append('subject', clock.wallMs(), encodeSubject(subject));
    // To add it may have ended the segment.
    if (generation === journal.generation) recorded.add(subject.fingerprint);
    else recordSubject(subject);
  };
  const append = (record: Uint8Array) => journal.append('call', clock.wallMs(), record);
  const refused = createRefusedCalls(clock, (call, calls) => {
    try {
      append(encoder.encodeRefused(call, clock.monotonicMs() - call.startMonotonicMs, calls));
    } catch {
      // The journal cannot be written: it says so itself, and the call was refused anyhow.
    }
  });

  return {
    record(call) {
      if (call.subject) recordSubject(call.subject);
      encoder.encode(call, clock.monotonicMs() - call.startMonotonicMs, append);
      return journal.written();
    },
    recordRefused: (call) => refused.add(call),
    [Symbol.dispose]: () => refused[Symbol.dispose](),
  };
}

function encodeSubject({ fingerprint, tenant, attributes }: Subject): Uint8Array {
  const known = { fingerprint: Buffer.from(fingerprint, 'hex'), tenant };
  const salt = randomBytes(SALT_BYTES);
  const whole = create(SubjectRecordSchema, { ...known, attributes, salt });
  const encoded = toBinary(SubjectRecordSchema, whole);
  if (encoded.length <= SUBJECT_MAX_BYTES) return encoded;
  return toBinary(SubjectRecordSchema, create(SubjectRecordSchema, { ...known, salt }));
}
