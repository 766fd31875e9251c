import { ConnectError } from '@connectrpc/connect';
import type { Journal } from '@weir/journal';
import { type CallHead, type Clock, callerOf, codeOf, reasonOf, requestIdKey } from '@weir/kit';
import type { ItemFacts, Verdict } from '@weir/policy';
import { CacheStatus } from '@weir/sdk/gen/weir/context/v1/context_pb';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { RecordedItem, RecordedProvider } from '../audit/recorded.ts';
import type { Recorder } from '../audit/recorder.ts';
import { handledKey } from '../audit/unhandled.ts';
import type { Slot } from '../authorise.ts';
import type { Listed } from '../list/show.ts';
import { type Outcome, valueBytes } from '../outcome.ts';
import type { ProviderVersion } from '../snapshot/catalogue.ts';
import type { SnapshotHolder } from '../snapshot/holder.ts';
import { subjectOf } from '../subject.ts';

/** What recording needs. */
export interface RecordDeps {
  readonly recorder: Pick<Recorder, 'record'>;
  /** Tells beforehand when no record can be written. */
  readonly journal: Pick<Journal, 'refusal'>;
  /** Counts what was decided. */
  readonly decided: (items: readonly RecordedItem[]) => void;
  readonly holder: SnapshotHolder;
  readonly clock: Clock;
}

/** What a call was, for its record. */
export interface Recorded {
  /** What the call is for, as stated. */
  readonly purpose?: string;
  /** What a call of the registry was about. */
  readonly target?: string;
  readonly items?: readonly RecordedItem[];
}

/** Records what comes of one call; each time it resolves, the answer may leave. */
export interface CallRecord {
  /** Records an answer, or a part of it. Throws JOURNAL_UNAVAILABLE. */
  answered(what: Recorded): Promise<void> | undefined;
  /** Records that the call was refused as a whole. Never throws: the refusal leaves anyway. */
  refused(error: unknown, what?: Recorded): Promise<void>;
}

/** Begins the record of a call. Throws JOURNAL_UNAVAILABLE when it could not be written. */
export function beginRecord(
  { recorder, journal, decided, holder, clock }: RecordDeps,
  head: Pick<CallHead, 'values' | 'service' | 'method'>,
): CallRecord {
  head.values.set(handledKey, true);
  const refusal = journal.refusal();
  if (refusal) throw refusal;
  const startWallMs = clock.wallMs();
  const startMonotonicMs = clock.monotonicMs();
  const caller = callerOf(head);
  const requestId = head.values.get(requestIdKey);
  const method = `${head.service.typeName}/${head.method.name}`;
  let part = 0;
  const write = (
    { purpose = '', target = '', items = [] }: Recorded,
    code: number,
    reason: Reason,
  ) => {
    decided(items);
    const { revision } = holder.current;
    const who = { caller, subject: subjectOf(holder.current, caller) };
    const at = { requestId, method, revision, startWallMs, startMonotonicMs };
    return recorder.record({ ...at, ...who, purpose, target, items, code, reason, part: part++ });
  };
  return {
    answered: (what) => write(what, 0, Reason.UNSPECIFIED),
    async refused(error, what = {}) {
      try {
        await write(what, ConnectError.from(error).code, reasonOf(error) ?? Reason.UNSPECIFIED);
      } catch {
        // It is refused as it is, and nothing leaves.
      }
    },
  };
}

/** Answers a unary call, and records it before the answer leaves. `record` undefined: it leaves none. */
export async function recorded<T>(
  deps: RecordDeps,
  head: CallHead,
  work: () => Promise<{ readonly answer: T; readonly record: Recorded | undefined }>,
): Promise<T> {
  const record = beginRecord(deps, head);
  let done: Awaited<ReturnType<typeof work>>;
  try {
    done = await work();
  } catch (error) {
    await record.refused(error);
    throw error;
  }
  if (done.record) await record.answered(done.record);
  return done.answer;
}

/** What is recorded of a ref that a caller of the tenant asked for. */
export function fetchedItem(tenant: string, slot: Slot, outcome: Outcome): RecordedItem {
  const { ref, verdict, served } = slot;
  const found = outcome.kind === 'found' ? outcome : undefined;
  const provider = served?.offer.provider ?? slot.routes[slot.tried - 1]?.provider;
  const facts = found?.entry.facts ?? factsKept(slot);
  const reason =
    outcome.kind === 'found' ? Reason.UNSPECIFIED : trueReason(slot, outcome.refusal.reason);
  return {
    action: 'fetch',
    type: ref.type,
    key: ref.key,
    ...(provider && { provider: recordedProvider(provider, tenant) }),
    effect: effectOf(verdict),
    rules: verdict.rules,
    redactions: found?.redactions ?? [],
    ...(facts && { facts }),
    code: found ? 0 : codeOf(reason),
    reason,
    cache: outcome.cache,
    bytes: valueBytes(outcome),
    known: facts !== undefined,
  };
}

/** Of an item that was not given out: nothing, where obligations might have hidden part of it. */
function factsKept({ served, verdict }: Slot): ItemFacts | undefined {
  const hides = verdict.effect === 'allow' && verdict.obligations.changesValues;
  return hides ? undefined : served?.entry.facts;
}

/** One object for each provider, so that it is encoded once. */
const ownProviders = new WeakMap<ProviderVersion, RecordedProvider>();

/** A provider as records have it: its tenant only where it is another's. */
function recordedProvider(provider: ProviderVersion, tenant: string): RecordedProvider {
  if (provider.tenant !== tenant) return provider;
  const known = ownProviders.get(provider);
  if (known) return known;
  const own = { tenant: '', name: provider.name, version: provider.version };
  ownProviders.set(provider, own);
  return own;
}

/** What depends on an item that is not there was denied by nobody. */
function effectOf({ effect }: Verdict): RecordedItem['effect'] {
  return effect === 'deny' ? 'deny' : 'allow';
}

/** The caller may have been told no more than that there is no such item. */
function trueReason({ verdict, plan }: Slot, told: Reason): Reason {
  if (told !== Reason.NOT_FOUND) return told;
  if (verdict.effect === 'deny') return Reason.DENIED;
  return plan.refused?.refusal.reason ?? Reason.KEY_NOT_FOUND;
}

/** What is recorded of an entry of a list that a caller of the tenant asked for. */
export function listedItem(tenant: string, listed: Listed): RecordedItem {
  const { offer, key, facts, verdict, redactions, entry } = listed;
  const hides = verdict.effect === 'allow' && verdict.obligations.changesValues;
  return {
    ...{ action: 'list', type: offer.type, key },
    provider: recordedProvider(offer.provider, tenant),
    ...{ effect: effectOf(verdict), rules: verdict.rules, redactions },
    ...(!hides && { facts }),
    code: entry ? 0 : codeOf(Reason.DENIED),
    reason: entry ? Reason.UNSPECIFIED : Reason.DENIED,
    ...{ cache: CacheStatus.UNSPECIFIED, bytes: 0, known: !hides },
  };
}

/** What is recorded of a batch: of each item what was sent, which can be less than what was found. */
export function fetchedItems(
  tenant: string,
  slots: readonly Slot[],
  outcomes: readonly Outcome[],
  sent: readonly Outcome[],
): RecordedItem[] {
  return slots.map((slot, index) => {
    const outcome = outcomes[index] as Outcome;
    const item = fetchedItem(tenant, slot, outcome);
    const told = sent[index];
    if (told === outcome || told?.kind !== 'refused') return item;
    const { code, reason } = told.refusal;
    return { ...item, code, reason, bytes: 0, redactions: [] };
  });
}
