import { fromBinary } from '@bufbuild/protobuf';
import type { Header } from '@weir/journal';
import type { Entry } from '@weir/sdk/gen/weir/audit/v1/journal_pb';
import {
  CallRecordSchema,
  type SubjectRecord,
  SubjectRecordSchema,
} from '@weir/sdk/gen/weir/audit/v1/record_pb';
import { type BodyKind, bodyKinds, CHUNK_MAX_BYTES, packBodies, type StoredBody } from './chunk.ts';
import { createTermFilter } from './term-filter.ts';
import { describedSubjectTerm, termsOf, timeMsOf } from './terms.ts';

/** The last time that a timestamp of the contract can tell. */
const TIME_MAX_MS = Date.parse('9999-12-31T23:59:59.999Z');

/** A body as it is kept: whose it is, when it was, and by which words it is found. */
export interface ReadBody extends StoredBody {
  readonly tenant: string;
  readonly timeMs: number;
  readonly terms: ReadonlySet<string>;
}

/** A chunk to be written. */
export interface NewChunk {
  readonly tenant: string;
  readonly first: number;
  readonly last: number;
  readonly fromMs: number;
  readonly toMs: number;
  readonly size: number;
  readonly filter: Uint8Array;
  readonly bodies: Uint8Array;
}

/**
 * Reads the body of an entry whose place in the chain is proven. Undefined: it has none that is
 * kept by itself. One that cannot be read is kept for the chain's sake, as nobody's.
 */
export function readBody(entry: Entry, header: Header): ReadBody | undefined {
  const { body } = entry;
  const { position, timeMs } = header;
  if (body.length === 0) return undefined;
  if (header.kind === 'call') return { ...readCall(body, timeMs), position, body };
  if (header.kind === 'subject') return { ...readSubject(body), position, body, timeMs };
  return undefined;
}

/** Reads a body that was kept, whose entry's time is not known any more. */
export function readAgain({ kind, position, body }: StoredBody, timeMs: number): ReadBody {
  if (kind === bodyKinds.call) return { ...readCall(body, timeMs), position, body };
  return { ...readSubject(body), position, body, timeMs };
}

/** Bodies of one tenant in their order, as chunks of `CHUNK_MAX_BYTES` or one larger body. */
export function chunksOf(tenant: string, bodies: readonly ReadBody[]): NewChunk[] {
  const chunks: NewChunk[] = [];
  let from = 0;
  let size = 0;
  for (const [at, { body }] of bodies.entries()) {
    if (size + body.length > CHUNK_MAX_BYTES && at > from) {
      chunks.push(chunkOf(tenant, bodies.slice(from, at)));
      from = at;
      size = 0;
    }
    size += body.length;
  }
  if (bodies.length > from) chunks.push(chunkOf(tenant, bodies.slice(from)));
  return chunks;
}

/** One chunk of bodies of one tenant; at least one. */
export function chunkOf(tenant: string, bodies: readonly ReadBody[]): NewChunk {
  const terms = new Set(bodies.flatMap((one) => [...one.terms]));
  const times = bodies.map(({ timeMs }) => timeMs);
  return {
    tenant,
    first: bodies[0]?.position ?? 0,
    last: bodies.at(-1)?.position ?? 0,
    fromMs: Math.floor(least(times)),
    toMs: Math.floor(-least(times.map((time) => -time))),
    size: bodies.reduce((sum, { body }) => sum + body.length, 0),
    filter: createTermFilter(terms),
    bodies: packBodies(bodies),
  };
}

function readCall(body: Uint8Array, entryMs: number) {
  const kind: BodyKind = bodyKinds.call;
  try {
    const record = fromBinary(CallRecordSchema, body);
    const timeMs = record.time ? Math.min(Math.max(timeMsOf(record), 0), TIME_MAX_MS) : entryMs;
    return { kind, tenant: tenantOf(record), timeMs, terms: new Set(termsOf(record)) };
  } catch {
    return { kind, tenant: '', timeMs: entryMs, terms: new Set<string>() };
  }
}

function readSubject(body: Uint8Array) {
  const kind: BodyKind = bodyKinds.subject;
  const record = subjectOf(body);
  if (!record) return { kind, tenant: '', terms: new Set<string>() };
  return {
    kind,
    tenant: tenantOf(record),
    terms: new Set([describedSubjectTerm(record.fingerprint)]),
  };
}

function subjectOf(body: Uint8Array): SubjectRecord | undefined {
  try {
    return fromBinary(SubjectRecordSchema, body);
  } catch {
    return undefined;
  }
}

/** No tenant has a name with a zero character, which the database cannot hold. */
function tenantOf({ tenant }: { readonly tenant: string }): string {
  return tenant.includes('\0') ? '' : tenant;
}

function least(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
}
