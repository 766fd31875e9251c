import { ConnectError } from '@connectrpc/connect';
import type { Journal } from '@weir/journal';
import {
  type Caller,
  type CallHead,
  type Clock,
  callerOf,
  codeOf,
  reasonOf,
  requestIdKey,
} from '@weir/kit';
import type { ItemFacts, Verdict } from '@weir/policy';
import { CacheStatus } from '@weir/sdk/gen/weir/context/v1/context_pb';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { RecordedItem, RecordedKind, RecordedProvider } from '../audit/recorded.ts';
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
  deps: RecordDeps,
  head: Pick<CallHead, 'values' | 'service' | 'method'>,
): CallRecord {
  head.values.set(handledKey, true);
  const refusal = deps.journal.refusal();
  if (refusal) throw refusal;
  return new OpenRecord(deps, head);
}

/** Of the hot path: there is one for each call. */
class OpenRecord implements CallRecord {
  readonly #deps: RecordDeps;
  readonly #head: Pick<CallHead, 'values' | 'service' | 'method'>;
  readonly #caller: Caller;
  readonly #startWallMs: number;
  readonly #startMonotonicMs: number;
  #part = 0;

  constructor(deps: RecordDeps, head: Pick<CallHead, 'values' | 'service' | 'method'>) {
    this.#deps = deps;
    this.#head = head;
    this.#caller = callerOf(head);
    this.#startWallMs = deps.clock.wallMs();
    this.#startMonotonicMs = deps.clock.monotonicMs();
  }

  answered(what: Recorded): Promise<void> | undefined {
    return this.#write(what, 0, Reason.UNSPECIFIED);
  }

  async refused(error: unknown, what: Recorded = {}): Promise<void> {
    try {
      const { code } = ConnectError.from(error);
      await this.#write(what, code, reasonOf(error) ?? Reason.UNSPECIFIED);
    } catch {
      // It is refused as it is, and nothing leaves.
    }
  }

  #write(
    { purpose = '', target = '', items = [] }: Recorded,
    code: number,
    reason: Reason,
  ): Promise<void> | undefined {
    const { decided, holder, recorder } = this.#deps;
    const { current } = holder;
    decided(items);
    return recorder.record({
      requestId: this.#head.values.get(requestIdKey),
      caller: this.#caller,
      subject: subjectOf(current, this.#caller),
      method: methodName(this.#head),
      purpose,
      revision: current.revision,
      startWallMs: this.#startWallMs,
      startMonotonicMs: this.#startMonotonicMs,
      code,
      reason,
      part: this.#part++,
      target,
      items,
    });
  }
}

const methodNames = new WeakMap<CallHead['method'], string>();

/** As "<service>/<method>". */
function methodName({ service, method }: Pick<CallHead, 'service' | 'method'>): string {
  const known = methodNames.get(method) ?? `${service.typeName}/${method.name}`;
  methodNames.set(method, known);
  return known;
}

/** What a call comes to: the answer, and what is recorded of it; undefined: nothing is. */
export interface Done<T> {
  readonly answer: T;
  readonly record: Recorded | undefined;
}

/** Answers a unary call, and records it before the answer leaves. */
export function recorded<T>(
  deps: RecordDeps,
  head: CallHead,
  work: () => Done<T> | Promise<Done<T>>,
): T | Promise<T> {
  const record = beginRecord(deps, head);
  const settle = ({ answer, record: what }: Done<T>): T | Promise<T> => {
    const written = what && record.answered(what);
    return written ? written.then(() => answer) : answer;
  };
  const fail = async (error: unknown): Promise<never> => {
    await record.refused(error);
    throw error;
  };
  let done: Done<T> | Promise<Done<T>>;
  try {
    done = work();
  } catch (error) {
    return fail(error);
  }
  return done instanceof Promise ? done.then(settle, fail) : settle(done);
}

/** What is recorded of a ref that a caller of the tenant asked for. */
export function fetchedItem(tenant: string, slot: Slot, outcome: Outcome): RecordedItem {
  return { kind: kindOf(tenant, slot, outcome), key: slot.ref.key, bytes: valueBytes(outcome) };
}

function kindOf(tenant: string, slot: Slot, outcome: Outcome): RecordedKind {
  const { ref, verdict, offer } = slot;
  const provider = offer?.provider ?? slot.routes[slot.tried - 1]?.provider;
  const isFound = outcome.kind === 'found';
  const facts = isFound ? outcome.entry.facts : factsKept(slot);
  const reason = isFound ? Reason.UNSPECIFIED : trueReason(slot, outcome.refusal.reason);
  return {
    action: 'fetch',
    type: ref.type,
    provider: provider && recordedProvider(provider, tenant),
    effect: effectOf(verdict),
    rules: verdict.rules,
    redactions: isFound ? outcome.redactions : none,
    facts,
    code: isFound ? 0 : codeOf(reason),
    reason,
    cache: outcome.cache,
    known: facts !== undefined,
  };
}

const none: readonly string[] = [];

/** Of an item that was not given out: nothing, where obligations might have hidden part of it. */
function factsKept({ entry, verdict }: Slot): ItemFacts | undefined {
  const hides = verdict.effect === 'allow' && verdict.obligations.changesValues;
  return hides ? undefined : entry?.facts;
}

/** One object for each provider, so that it is encoded once. */
const ownProviders = new WeakMap<ProviderVersion, RecordedProvider>();

/** A provider as records have it: its tenant only where it is another's. */
export function recordedProvider(provider: ProviderVersion, tenant: string): RecordedProvider {
  if (provider.tenant !== tenant) return provider;
  const known = ownProviders.get(provider);
  if (known) return known;
  const own = { tenant: '', name: provider.name, version: provider.version };
  ownProviders.set(provider, own);
  return own;
}

/** What depends on an item that is not there was denied by nobody. */
function effectOf({ effect }: Verdict): RecordedKind['effect'] {
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
  const kind: RecordedKind = {
    ...{ action: 'list', type: offer.type },
    provider: recordedProvider(offer.provider, tenant),
    ...{ effect: effectOf(verdict), rules: verdict.rules, redactions },
    ...(!hides && { facts }),
    code: entry ? 0 : codeOf(Reason.DENIED),
    reason: entry ? Reason.UNSPECIFIED : Reason.DENIED,
    ...{ cache: CacheStatus.UNSPECIFIED, known: !hides },
  };
  return { kind, key, bytes: 0 };
}

/** What is recorded of a batch: of each item what was sent, which can be less than what was found. */
export function fetchedItems(
  tenant: string,
  slots: readonly Slot[],
  outcomes: readonly Outcome[],
  sent: readonly Outcome[],
): RecordedItem[] {
  const items: RecordedItem[] = [];
  let before: Fetched | undefined;
  for (let index = 0; index < slots.length; index++) {
    const slot = slots[index] as Slot;
    const outcome = outcomes[index] as Outcome;
    const told = sent[index];
    if (told !== outcome && told?.kind === 'refused') {
      const { code, reason } = told.refusal;
      const kind = { ...kindOf(tenant, slot, outcome), code, reason, redactions: none };
      items.push({ kind, key: slot.ref.key, bytes: 0 });
    } else if (before && areAlike(before, slot, outcome)) {
      items.push({ kind: before.kind, key: slot.ref.key, bytes: valueBytes(outcome) });
    } else {
      const item = fetchedItem(tenant, slot, outcome);
      before = { slot, outcome, kind: item.kind };
      items.push(item);
    }
  }
  return items;
}

/** An item of a batch, and what was recorded of it. */
interface Fetched {
  readonly slot: Slot;
  readonly outcome: Outcome;
  readonly kind: RecordedKind;
}

/** Whether two items that were found are of one kind, as most of a batch are. */
function areAlike(before: Fetched, slot: Slot, outcome: Outcome): boolean {
  const other = before.outcome;
  return (
    outcome.kind === 'found' &&
    other.kind === 'found' &&
    outcome.entry.facts === other.entry.facts &&
    outcome.redactions === other.redactions &&
    outcome.cache === other.cache &&
    slot.verdict === before.slot.verdict &&
    slot.offer === before.slot.offer &&
    slot.ref.type === before.slot.ref.type
  );
}
