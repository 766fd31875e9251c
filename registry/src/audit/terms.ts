import type { Timestamp } from '@bufbuild/protobuf/wkt';
import type { RecordFilter } from '@weir/sdk/gen/weir/audit/v1/audit_pb';
import type { CallRecord, ItemRecord } from '@weir/sdk/gen/weir/audit/v1/record_pb';
import { Effect } from '@weir/sdk/gen/weir/policy/v1/policy_pb';

/** Which records: those that match every field that is set. Times are in ms since 1970. */
export interface RecordMatch
  extends Pick<
    RecordFilter,
    | 'principal'
    | 'consumer'
    | 'credential'
    | 'method'
    | 'type'
    | 'key'
    | 'provider'
    | 'rule'
    | 'effect'
    | 'requestId'
    | 'purpose'
  > {
  readonly tenant: string;
  readonly fromMs: number;
  readonly toMs: number;
}

/** A match of all records of a tenant between two times. */
export function allRecords(tenant: string, fromMs: number, toMs: number): RecordMatch {
  const who = { principal: '', consumer: '', credential: '', method: '', purpose: '' };
  const what = { type: '', key: '', provider: '', rule: '', effect: Effect.UNSPECIFIED };
  return { tenant, fromMs, toMs, requestId: '', ...who, ...what };
}

/** When a call came, in ms since 1970. */
export function timeMsOf({ time }: { readonly time?: Timestamp | undefined }): number {
  return time === undefined ? 0 : Number(time.seconds) * 1000 + time.nanos / 1e6;
}

/** The words by which a record is found. */
export function* termsOf(record: CallRecord): Generator<string> {
  yield* present('p', record.principal);
  yield* present('c', record.consumer);
  yield* present('k', record.credential);
  yield* present('m', record.method);
  yield* present('m', bareName(record.method));
  yield* present('q', record.requestId);
  yield* present('u', record.purpose);
  if (record.subject.length > 0) yield subjectTerm(record.subject);
  for (const item of record.items) {
    yield* present('t', item.type);
    yield* present('i', item.key);
    yield* present('v', item.provider);
    for (const rule of item.rules) yield* present('r', rule);
  }
}

/** The word by which the calls of a principal are found. */
export function principalTerm(principal: string): string {
  return `p${principal}`;
}

/** The word by which the calls of a subject are found. */
export function subjectTerm(fingerprint: Uint8Array): string {
  return `s${Buffer.from(fingerprint).toString('base64')}`;
}

/** The word by which the attributes of a subject are found. */
export function describedSubjectTerm(fingerprint: Uint8Array): string {
  return `S${Buffer.from(fingerprint).toString('base64')}`;
}

/** The words that every record has that matches. */
export function termsOfMatch(match: RecordMatch): string[] {
  return [
    ...present('p', match.principal),
    ...present('c', match.consumer),
    ...present('k', match.credential),
    ...present('m', match.method),
    ...present('q', match.requestId),
    ...present('u', match.purpose),
    ...present('t', match.type),
    ...present('i', match.key),
    ...present('v', match.provider),
    ...present('r', match.rule),
  ];
}

/**
 * The record, when it matches; when the match speaks of items, with those alone that match.
 * Undefined: it does not.
 */
export function matched(record: CallRecord, match: RecordMatch): CallRecord | undefined {
  if (!matchesCall(record, match)) return undefined;
  if (!speaksOfItems(match)) return record;
  const items = record.items.filter((item) => matchesItem(item, match));
  return items.length === 0 ? undefined : { ...record, items };
}

function matchesCall(record: CallRecord, match: RecordMatch): boolean {
  const timeMs = timeMsOf(record);
  return (
    timeMs >= match.fromMs &&
    timeMs < match.toMs &&
    agrees(match.principal, record.principal) &&
    agrees(match.consumer, record.consumer) &&
    agrees(match.credential, record.credential) &&
    (agrees(match.method, record.method) || match.method === bareName(record.method)) &&
    agrees(match.requestId, record.requestId) &&
    agrees(match.purpose, record.purpose)
  );
}

function speaksOfItems({ type, key, provider, rule, effect }: RecordMatch): boolean {
  return type !== '' || key !== '' || provider !== '' || rule !== '' || effect !== 0;
}

function matchesItem(item: ItemRecord, match: RecordMatch): boolean {
  return (
    agrees(match.type, item.type) &&
    agrees(match.key, item.key) &&
    agrees(match.provider, item.provider) &&
    (match.rule === '' || item.rules.includes(match.rule)) &&
    (match.effect === Effect.UNSPECIFIED || match.effect === item.effect)
  );
}

function agrees(wanted: string, held: string): boolean {
  return wanted === '' || wanted === held;
}

function bareName(method: string): string {
  return method.slice(method.lastIndexOf('/') + 1);
}

function present(kind: string, value: string): string[] {
  return value === '' ? [] : [kind + value];
}
