import { fromBinary } from '@bufbuild/protobuf';
import { DropReason } from '@weir/sdk/gen/weir/audit/v1/audit_pb';
import { CallRecordSchema, SubjectRecordSchema } from '@weir/sdk/gen/weir/audit/v1/record_pb';
import type { Database } from '../../store/driver.ts';
import { auditChunks } from '../../store/schema.ts';
import { bodyKinds, type StoredBody, unpackBodies } from '../chunk.ts';
import { chunkOf, readAgain } from '../received.ts';
import { describedSubjectTerm, principalTerm, subjectTerm, timeMsOf } from '../terms.ts';
import { type DropDeps, noteDrop, ofTenant } from './drop.ts';
import { chunkRow } from './rows.ts';
import { type Candidate, lookAt, newestWith, readBodies } from './search.ts';

/** Chunks looked at in one round. */
const LOOKED_AT = 500;
/** Chunks that are read to see whether attributes are used; one that uses them is enough. */
const USES_MAX = 1000;
const MAX_MS = Date.parse('9999-12-31T23:59:59.999Z');

/** What to erase of which chunks. */
interface Erasure {
  readonly tenant: string;
  readonly toMs: number;
  readonly terms: readonly string[];
  drop(one: StoredBody): boolean;
}

/**
 * Drops the bodies of the calls of a principal before a time, and its attributes when nobody else
 * has the same ones. Says how many calls. What another round finds was merged meanwhile.
 */
export async function eraseCalls(
  deps: DropDeps,
  of: { readonly tenant: string; readonly principal: string; readonly beforeMs: number },
  signal: AbortSignal,
): Promise<number> {
  const { tenant, principal, beforeMs } = of;
  const subjects = new Map<string, Uint8Array>();
  const isTheirs = ({ kind, body }: StoredBody) => {
    if (kind !== bodyKinds.call) return false;
    const record = fromBinary(CallRecordSchema, body);
    if (record.principal !== principal || timeMsOf(record) >= beforeMs) return false;
    subjects.set(subjectTerm(record.subject), record.subject);
    return true;
  };
  const toMs = Math.min(beforeMs, MAX_MS);
  const calls = { tenant, toMs, terms: [principalTerm(principal)], drop: isTheirs };
  const erased = await eraseBodies(deps, calls, signal);
  for (const [term, fingerprint] of subjects) {
    if (await isUsed(deps.db, tenant, { term, fingerprint })) continue;
    const terms = [describedSubjectTerm(fingerprint)];
    const drop = (one: StoredBody) => one.kind === bodyKinds.subject && describes(one, fingerprint);
    await eraseBodies(deps, { tenant, toMs: MAX_MS, terms, drop }, signal);
  }
  return erased;
}

async function eraseBodies(deps: DropDeps, what: Erasure, signal: AbortSignal): Promise<number> {
  let erased = 0;
  for (;;) {
    const { gone, missed } = await eraseRound(deps, what, signal);
    erased += gone;
    if (!missed) return erased;
  }
}

/** Missed: a chunk was merged between being looked at and being locked. */
async function eraseRound(
  deps: DropDeps,
  { tenant, toMs, terms, drop }: Erasure,
  signal: AbortSignal,
): Promise<{ gone: number; missed: boolean }> {
  const all = { tenant, fromMs: 0, toMs, terms, order: 'oldest' } as const;
  let gone = 0;
  let missed = false;
  let beginMs = 0;
  for (let limit = LOOKED_AT; ; ) {
    const { hits, untilMs } = await lookAt(deps.db, { ...all, beginMs, limit });
    for (const hit of hits) {
      signal.throwIfAborted();
      const dropped = await deps.db.transaction((tx) =>
        eraseFrom({ ...deps, db: tx }, { tenant, hit, drop }),
      );
      if (dropped === undefined) missed = true;
      else gone += dropped;
    }
    if (untilMs === undefined) return { gone, missed };
    // As many chunks as are looked at may begin at the same time.
    limit = untilMs > beginMs ? LOOKED_AT : limit * 2;
    beginMs = untilMs;
  }
}

/** Erases from one chunk; undefined: it is gone. */
async function eraseFrom(
  deps: DropDeps,
  { tenant, hit, drop }: { tenant: string; hit: Candidate; drop(one: StoredBody): boolean },
): Promise<number | undefined> {
  const { db } = deps;
  const { chain } = hit;
  const here = ofTenant(tenant, chain, [hit.first]);
  const [row] = await db.select().from(auditChunks).where(here).for('update');
  if (!row) return undefined;
  const { dropped = [], kept = [] } = Object.groupBy(unpackBodies(row.bodies), (one) =>
    drop(one) ? 'dropped' : 'kept',
  );
  if (dropped.length === 0) return 0;
  await db.delete(auditChunks).where(here);
  if (kept.length > 0) {
    const bodies = kept.map((one) => readAgain(one, row.toTime.getTime()));
    const { settled } = row;
    await db.insert(auditChunks).values({ ...chunkRow(chain, chunkOf(tenant, bodies)), settled });
  }
  const positions = dropped.map(({ position }) => position);
  await noteDrop(deps, { tenant, chain, positions, reason: DropReason.ERASURE });
  return dropped.length;
}

/** Whether a call that is still there was made with these attributes. */
async function isUsed(
  db: Database,
  tenant: string,
  { term, fingerprint }: { term: string; fingerprint: Uint8Array },
): Promise<boolean> {
  for (const hit of await newestWith(db, { tenant, term, limit: USES_MAX, beforeMs: MAX_MS })) {
    const packed = await readBodies(db, tenant, hit);
    const used = (packed ? unpackBodies(packed) : []).some(
      ({ kind, body }) =>
        kind === bodyKinds.call && equal(fromBinary(CallRecordSchema, body).subject, fingerprint),
    );
    if (used) return true;
  }
  return false;
}

function describes({ body }: StoredBody, fingerprint: Uint8Array): boolean {
  return equal(fromBinary(SubjectRecordSchema, body).fingerprint, fingerprint);
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
