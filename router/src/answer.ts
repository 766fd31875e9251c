import { Code, ConnectError } from '@connectrpc/connect';
import type { Caller, Clock, ConsistencyTokens, Logger } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import {
  type Authority,
  authoriseRef,
  type Circumstances,
  createAuthority,
  type Slot,
} from './authorise.ts';
import { type AskedBatch, type Batch, parseBatch } from './batch.ts';
import { type Call, createCall, DEFAULT_TIMEOUT_MS, type Note } from './call.ts';
import { decideAgain } from './decide-again.ts';
import type { Tails } from './events/tails.ts';
import { type GatherDeps, type Gathered, gather } from './gather/gather.ts';
import type { HeldBytes, Holding } from './held.ts';
import type { Limits } from './limits/limits.ts';
import { type Outcome, refused, refusedAtOnce, valueBytes } from './outcome.ts';
import { planRef } from './plan.ts';
import { overBudget, overProcessBudget, RESPONSE_BUDGET_BYTES, sizeOf } from './present.ts';
import type { SnapshotHolder } from './snapshot/holder.ts';
import type { Snapshot, TenantView } from './snapshot/snapshot.ts';
import { traceGather, tracePlan } from './traces.ts';

/** What answering needs. */
export interface AnswerDeps extends GatherDeps {
  readonly holder: SnapshotHolder;
  readonly tokens: ConsistencyTokens;
  readonly clock: Clock;
  readonly log: Logger;
  readonly limits: Limits;
  /** The logs of events, for who waits to see one. */
  readonly tails: Pick<Tails, 'reach'>;
  /** What is held for answers under way. */
  readonly held: HeldBytes;
  /** Called with every outcome, for metrics; `by`: there are so many alike. */
  readonly observe: (outcome: Outcome, by?: number) => void;
}

/** Who asks, and how long there is. */
export interface Asked {
  readonly caller: Caller;
  readonly signal: AbortSignal;
  readonly timeoutMs: number | undefined;
  readonly note?: Note;
  /** The bytes of values held at once for the call. Default: what one answer may carry. */
  readonly holdMaxBytes?: number;
  /** Disposes of what it is given when the answer has left the process. Absent: that is not known. */
  readonly afterCall?: (held: Disposable) => void;
}

/** A call that is being answered. */
export interface Answering extends Disposable {
  readonly call: Call;
  readonly snapshot: Snapshot;
  /** What it was decided by, beside the caller. */
  readonly circumstances: Circumstances;
  readonly slots: readonly Slot[];
  /** By position of the refs; a promise only where something is waited for. */
  readonly outcomes: readonly Gathered[];
  /** To be told of an outcome that was sent on its own; all are told of at the end of the call. */
  sent(outcome: Outcome): void;
}

/**
 * The one implementation of a batched fetch, whatever protocol it came by: plan, then gather.
 * Presenting is the protocol's. A promise only where a token's write is waited for.
 */
export function beginAnswer(
  deps: AnswerDeps,
  request: AskedBatch,
  asked: Asked,
): Answering | Promise<Answering> {
  const batch = parseBatch(request);
  const timeoutMs = asked.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  if (batch.consistencyToken === '') return new OpenAnswering(deps, batch, { asked, timeoutMs });
  const startMs = deps.clock.monotonicMs();
  return reachToken(deps, batch.consistencyToken, asked).then(() => {
    const waitedMs = deps.clock.monotonicMs() - startMs;
    return new OpenAnswering(deps, batch, { asked, timeoutMs: timeoutMs - waitedMs });
  });
}

/** Of the hot path: there is one for each call. */
class OpenAnswering implements Answering {
  readonly call: Call;
  readonly snapshot: Snapshot;
  readonly circumstances: Circumstances;
  readonly slots: readonly Slot[];
  readonly outcomes: readonly Gathered[];
  readonly #deps: AnswerDeps;
  readonly #asked: Asked;
  readonly #view: TenantView | undefined;
  readonly #holding: Holding;

  /** Takes from the limits first. Throws RATE_EXCEEDED and QUOTA_EXCEEDED. */
  constructor(deps: AnswerDeps, batch: Batch, { asked, timeoutMs }: Due) {
    const { caller } = asked;
    this.#deps = deps;
    this.#asked = asked;
    this.snapshot = deps.holder.current;
    this.#view = this.snapshot.tenants.get(caller.tenant);
    const beyond = deps.limits.take(caller, this.#view, batch.refs.length);
    if (beyond) throw beyond;
    const { itemTimeoutMs, purpose } = batch;
    this.call = createCall(asked, { clock: deps.clock, timeoutMs, itemTimeoutMs });
    this.circumstances = { purpose, nowMs: deps.clock.wallMs() };
    const authority = createAuthority(this.snapshot, caller, this.circumstances);
    this.slots = tracePlan(() => planBatch(authority, batch, this.call));
    this.#holding = deps.held.open(caller.tenant, asked.holdMaxBytes ?? RESPONSE_BUDGET_BYTES);
    asked.afterCall?.(this.#holding);
    const gathered = traceGather(() => gather(deps, this.call, batch, this.slots));
    this.outcomes = this.#allArrived(gathered)
      ? gathered
      : gathered.map((one) => this.#arriving(one));
  }

  sent(outcome: Outcome): void {
    this.#holding.giveBack(heldOf(outcome));
  }

  [Symbol.dispose](): void {
    this.call[Symbol.dispose]();
    if (!this.#asked.afterCall) this.#holding[Symbol.dispose]();
  }

  /** Takes in the outcomes of a batch all at once, when all of them are there and there is room. */
  #allArrived(outcomes: readonly Gathered[]): outcomes is readonly Outcome[] {
    let held = 0;
    let bytes = 0;
    for (const outcome of outcomes) {
      if (outcome instanceof Promise) return false;
      held += heldOf(outcome);
      bytes += valueBytes(outcome);
    }
    if (this.#holding.take(held) !== 'held') return false;
    this.#spend(bytes);
    observeAll(this.#deps, outcomes as readonly Outcome[]);
    return true;
  }

  #arriving(gathered: Gathered): Gathered {
    if (!(gathered instanceof Promise)) return this.#arrived(gathered);
    return gathered.then(
      (outcome) => this.#arrived(outcome),
      (error: unknown) => this.#failed(error),
    );
  }

  #arrived(outcome: Outcome): Outcome {
    const kept = hold(outcome, this.#holding);
    this.#spend(valueBytes(kept));
    this.#deps.observe(kept);
    return kept;
  }

  /** A fault of ours with one item is not the others'. */
  #failed(error: unknown): Outcome {
    this.#deps.log.error({ err: error }, 'an item could not be answered');
    return this.#arrived(refusedAtOnce(refused(Reason.INTERNAL, 'internal error')));
  }

  #spend(bytes: number): void {
    if (bytes > 0) this.#deps.limits.spend(this.#asked.caller, this.#view, bytes);
  }
}

/** Who asks, and how much time is left. */
interface Due {
  readonly asked: Asked;
  readonly timeoutMs: number;
}

/** Those of one batch are mostly alike. */
function observeAll({ observe }: AnswerDeps, outcomes: readonly Outcome[]): void {
  let first = outcomes[0] as Outcome;
  let alike = 0;
  for (const outcome of outcomes) {
    const isFound = outcome.kind === 'found' && first.kind === 'found';
    if (outcome !== first && !(isFound && outcome.cache === first.cache)) {
      observe(first, alike);
      first = outcome;
      alike = 0;
    }
    alike += 1;
  }
  observe(first, alike);
}

/** Holds what has come for the answer; what would be too much is refused, and not held. */
function hold(outcome: Outcome, holding: Holding): Outcome {
  switch (holding.take(heldOf(outcome))) {
    case 'held':
      return outcome;
    case 'call':
      return overBudget(outcome);
    case 'process':
      return overProcessBudget(outcome);
  }
}

/** Refusals are small, and always told. */
function heldOf(outcome: Outcome): number {
  return outcome.kind === 'found' ? sizeOf(outcome) : 0;
}

/** A batch that was answered. */
export interface Answered {
  readonly snapshot: Snapshot;
  readonly slots: readonly Slot[];
  readonly outcomes: readonly Outcome[];
}

/** Answers a whole batch; a promise only where something is waited for. */
export function answer(
  deps: AnswerDeps,
  request: AskedBatch,
  asked: Asked,
): Answered | Promise<Answered> {
  const answering = beginAnswer(deps, request, asked);
  if (answering instanceof Promise) return answering.then((begun) => finish(deps, begun, asked));
  const { snapshot, slots, outcomes } = answering;
  if (outcomes.some(isPromise)) return finish(deps, answering, asked);
  // Nothing can have changed within this turn of the event loop.
  answering[Symbol.dispose]();
  return { snapshot, slots, outcomes: outcomes as readonly Outcome[] };
}

function isPromise(gathered: Gathered): boolean {
  return gathered instanceof Promise;
}

/** Waits for what has not come, and decides on it once more. */
async function finish(deps: AnswerDeps, answering: Answering, asked: Asked): Promise<Answered> {
  using _ = answering;
  const { snapshot, slots } = answering;
  const again = decideAgain(deps, answering);
  let settled = await settle(answering.outcomes);
  for (;;) {
    if (asked.signal.aborted) throw new ConnectError('the caller has gone', Code.Canceled);
    const decided = settled.map((outcome, index) => again(outcome, index));
    const outcomes = settle(decided);
    if (!(outcomes instanceof Promise)) return { snapshot, slots, outcomes };
    // While one of them is made ready anew, the rules may change once more for all.
    settled = await outcomes;
  }
}

/** Waits for what must be waited for, and for nothing when all is there. */
function settle(outcomes: readonly Gathered[]): readonly Outcome[] | Promise<Outcome[]> {
  return outcomes.some(isPromise)
    ? Promise.all(outcomes.map(async (outcome) => outcome))
    : (outcomes as readonly Outcome[]);
}

function planBatch(authority: Authority, batch: Batch, call: Call): Slot[] {
  const { tenant, consumer } = call.caller;
  const { snapshot } = authority;
  const by = {
    mayKnow: (type: string) => authority.access('fetch', type).visible,
    snapshot,
    tenant,
    consumer: snapshot.tenants.get(tenant)?.consumers.get(consumer),
    explain: call.note !== undefined,
  };
  return batch.refs.map((ref, index) => {
    const plan = planRef(ref, by);
    const slot = authoriseRef(index, ref, plan, authority.access('fetch', ref.type));
    if (call.note) notePlan(call.note, slot);
    return slot;
  });
}

function notePlan(note: Note, { index, plan, verdict, refused, conditional }: Slot): void {
  const text = plan.refused
    ? plan.refused.refusal.text
    : `routed to ${plan.routes.map((r) => `${r.provider.name} ${r.provider.version}`).join(', then ')}`;
  note(index, 'plan', text, plan.refused?.refusal.reason);
  const decided = conditional ? 'depends on the item' : verdict.effect;
  note(index, 'authorise', decided, refused?.refusal.reason);
}

/** Waits for the write of a token; the time for an item begins only after that. */
async function reachToken(deps: AnswerDeps, text: string, asked: Asked): Promise<void> {
  const token = deps.tokens.read(text);
  using waiting = createCall(asked, {
    ...{ clock: deps.clock, timeoutMs: asked.timeoutMs, itemTimeoutMs: undefined },
  });
  const late = new AbortController();
  void waiting.stopped().then(() => late.abort());
  const { epoch, position } = token;
  if (position === undefined) return await deps.holder.reach(token, late.signal);
  await deps.tails.reach(asked.caller.tenant, { epoch, position }, late.signal);
}
