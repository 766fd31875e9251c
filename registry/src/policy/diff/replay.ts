import { timestampMs } from '@bufbuild/protobuf/wkt';
import {
  actionName,
  type CallFacts,
  type ItemFacts,
  type PolicyIndex,
  type Subject,
} from '@weir/policy';
import type { CallRecord, ItemRecord, SubjectRecord } from '@weir/sdk/gen/weir/audit/v1/record_pb';
import { Effect } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import type { Reader } from '../../store/store.ts';
import { subjectOf } from '../subject.ts';
import { isSame, type Outcome, outcomeOf } from './outcome.ts';

/** Subjects kept while calls are replayed. */
const SUBJECTS_MAX = 10_000;

/** A call with the attributes that its subject had; undefined: they were dropped. */
export interface RecordedCall {
  readonly record: CallRecord;
  readonly subject: SubjectRecord | undefined;
}

/** What became of an item that was decided anew. */
export type Replayed =
  | { readonly kind: 'same' | 'undecided'; readonly item: ItemRecord }
  | {
      readonly kind: 'changed';
      readonly item: ItemRecord;
      readonly before: Outcome;
      readonly after: Outcome;
    };

/** Decides the items of a call anew, once under each index; those that policies decided on. */
export type Replay = (call: RecordedCall) => Promise<readonly Replayed[]>;

/** Makes what decides recorded calls anew, under the policies in force and under others. */
export function createReplay(reader: Reader, before: PolicyIndex, after: PolicyIndex): Replay {
  const subjects = new Map<string, Subject>();

  async function subjectIn({ record, subject }: RecordedCall): Promise<Subject | undefined> {
    if (!subject) return undefined;
    const fingerprint = Buffer.from(record.subject).toString('hex');
    const name = JSON.stringify([record.principal, record.consumer, fingerprint]);
    const held = subjects.get(name);
    if (held) return held;
    const { tenant, principal, consumer } = record;
    const attributes = subject.attributes ?? {};
    const made = await subjectOf(reader, { tenant, principal, consumer, attributes });
    if (subjects.size >= SUBJECTS_MAX) subjects.clear();
    subjects.set(name, made);
    return made;
  }

  return async (call) => {
    const items = call.record.items.filter(isDecided);
    if (items.length === 0) return [];
    const subject = await subjectIn(call);
    const facts = factsOf(call.record);
    if (!subject || !facts) return items.map((item) => ({ kind: 'undecided', item }));
    return items.map((item) => {
      const [was, is] = [before, after].map((index) => decide(index, { subject, facts, item }));
      if (!was || !is) return { kind: 'undecided', item };
      if (isSame(was, is)) return { kind: 'same', item };
      return { kind: 'changed', item, before: was, after: is };
    });
  };
}

/** Whether policies decided on an item: not, when it was refused before. */
function isDecided({ effect, action }: ItemRecord): boolean {
  return effect !== Effect.UNSPECIFIED && actionName(action) !== undefined;
}

function decide(
  index: PolicyIndex,
  { subject, facts, item }: { subject: Subject; facts: CallFacts; item: ItemRecord },
): Outcome | undefined {
  const action = actionName(item.action) ?? 'fetch';
  const { key, provider } = item;
  const cell = index.cell(subject, action, item.type);
  return outcomeOf(cell.decide(facts, { key, provider }, itemFacts(item)), facts.purpose);
}

function itemFacts({ known, sensitivity, labels, owner }: ItemRecord): ItemFacts | undefined {
  return known ? { sensitivity, labels, owner } : undefined;
}

/** Undefined: the record does not hold what rules may read of a call. */
function factsOf({ purpose, network, authentication, time }: CallRecord): CallFacts | undefined {
  switch (authentication) {
    case 'key':
    case 'token':
    case 'certificate':
    case 'registration':
      return time && { purpose, network, authentication, nowMs: timestampMs(time) };
    default:
      return undefined;
  }
}
