import type { Caller } from '@weir/kit';
import { createItemEncoder, cut } from './item-encoder.ts';
import { RecordWriter } from './record-writer.ts';
import type { RecordedCall, RefusedCall } from './recorded.ts';

/**
 * The longest record, in bytes; items that find no room in it stand in another one. An entry holds
 * four times as much, and the last item is at most a few KiB.
 */
export const RECORD_MAX_BYTES = 64 * 1024;

/** Callers whose part of a record is kept. */
const CALLERS_KEPT = 1_000;

/** Field numbers of CallRecord, as they stand on the wire. */
const tags = {
  requestId: (1 << 3) | 2,
  time: (2 << 3) | 2,
  duration: (3 << 3) | 2,
  tenant: (4 << 3) | 2,
  principal: (5 << 3) | 2,
  consumer: (6 << 3) | 2,
  authentication: (7 << 3) | 2,
  credential: (8 << 3) | 2,
  network: (9 << 3) | 2,
  method: (10 << 3) | 2,
  purpose: (11 << 3) | 2,
  subject: (12 << 3) | 2,
  router: (13 << 3) | 2,
  revision: 14 << 3,
  code: 15 << 3,
  reason: 16 << 3,
  part: 18 << 3,
  target: (19 << 3) | 2,
  salt: (20 << 3) | 2,
  calls: 21 << 3,
} as const;

/** Encodes CallRecords. What it returns changes with the next call of it. */
export interface CallEncoder {
  /** Encodes a call, and hands on each record: one, unless the items find no room in it. */
  encode(call: RecordedCall, lastedMs: number, emit: (record: Uint8Array) => void): void;
  /** Encodes a call that nobody was let in for; `calls`: how many such calls, 1 or more. */
  encodeRefused(call: RefusedCall, lastedMs: number, calls: number): Uint8Array;
}

/** Creates an encoder of the records of a router. */
export function createCallEncoder(router: string): CallEncoder {
  const out = new RecordWriter();
  const items = createItemEncoder();
  const callerPart = createCallerParts(out);
  const from = encodedOnce(out, (at) => at.text(tags.router, cut(router)));
  let revision: { of: bigint; field: Buffer } = { of: 0n, field: Buffer.alloc(0) };
  let subject: { of: string; field: Buffer } = { of: '', field: Buffer.alloc(0) };

  const revisionField = (of: bigint): Buffer => {
    if (revision.of !== of) {
      revision = { of, field: encodedOnce(out, (at) => at.uint64(tags.revision, of)) };
    }
    return revision.field;
  };
  const subjectField = (of: string): Buffer => {
    if (subject.of !== of) {
      const bytes = Buffer.from(of, 'hex');
      subject = { of, field: encodedOnce(out, (at) => at.bytes(tags.subject, bytes)) };
    }
    return subject.field;
  };
  const begin = (call: RecordedCall | RefusedCall, lastedMs: number) => {
    out.reset();
    out.text(tags.requestId, cut(call.requestId));
    out.time(tags.time, call.startWallMs);
    out.time(tags.duration, lastedMs);
  };
  const head = (call: RecordedCall, lastedMs: number) => {
    // What is kept is encoded before the record is begun: both use the one buffer.
    const caller = callerPart(call.caller);
    const ofSubject = call.subject && subjectField(call.subject.fingerprint);
    const ofRevision = revisionField(call.revision);
    begin(call, lastedMs);
    out.raw(caller);
    out.text(tags.network, cut(call.caller.network));
    out.text(tags.method, cut(call.method));
    out.text(tags.purpose, cut(call.purpose));
    if (ofSubject) out.raw(ofSubject);
    out.raw(from);
    out.raw(ofRevision);
    out.number(tags.code, call.code);
    out.number(tags.reason, call.reason);
  };
  const tail = (call: RecordedCall): Uint8Array => {
    out.number(tags.part, call.part);
    out.text(tags.target, cut(call.target));
    out.salt(tags.salt);
    return out.written();
  };

  return {
    encode(call, lastedMs, emit) {
      head(call, lastedMs);
      for (const item of call.items) {
        if (out.length > RECORD_MAX_BYTES) {
          emit(tail(call));
          head(call, lastedMs);
        }
        items.write(out, item);
      }
      emit(tail(call));
    },
    encodeRefused(call, lastedMs, calls) {
      begin(call, lastedMs);
      out.text(tags.network, cut(call.network));
      out.text(tags.method, cut(call.method));
      out.raw(from);
      out.number(tags.code, call.code);
      out.number(tags.reason, call.reason);
      out.salt(tags.salt);
      out.number(tags.calls, calls > 1 ? calls : 0);
      return out.written();
    },
  };
}

/** The part of a record that tells who called, encoded once for each credential. */
function createCallerParts(out: RecordWriter): (caller: Caller) => Buffer {
  const parts = new Map<string, { readonly caller: Caller; readonly part: Buffer }>();
  return (caller) => {
    const known = parts.get(caller.keyId);
    if (known && isSame(known.caller, caller)) return known.part;
    const part = encodedOnce(out, () => {
      out.text(tags.tenant, cut(caller.tenant));
      out.text(tags.principal, cut(caller.principal));
      out.text(tags.consumer, cut(caller.consumer));
      out.text(tags.authentication, caller.authentication);
      out.text(tags.credential, cut(caller.keyId));
    });
    if (parts.size >= CALLERS_KEPT) parts.clear();
    parts.set(caller.keyId, { caller, part });
    return part;
  };
}

function isSame(a: Caller, b: Caller): boolean {
  return (
    a === b ||
    (a.principal === b.principal &&
      a.tenant === b.tenant &&
      a.consumer === b.consumer &&
      a.authentication === b.authentication)
  );
}

function encodedOnce(out: RecordWriter, write: (out: RecordWriter) => void): Buffer {
  out.reset();
  write(out);
  return out.copy(0);
}
