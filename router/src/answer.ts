import { Code, ConnectError } from '@connectrpc/connect';
import type { Caller, Clock, ConsistencyTokens } from '@weir/kit';
import type { FetchContextRequest } from '@weir/sdk/gen/weir/router/v1/router_pb';
import type { Batch } from './batch.ts';
import { parseBatch } from './batch.ts';
import { type Call, createCall, DEFAULT_TIMEOUT_MS, type Note } from './call.ts';
import { type GatherDeps, type Gathered, gather, type Slot } from './gather/gather.ts';
import type { Outcome } from './outcome.ts';
import { planRef } from './plan.ts';
import type { SnapshotHolder } from './snapshot/holder.ts';
import type { Snapshot } from './snapshot/snapshot.ts';

/** What answering needs. */
export interface AnswerDeps extends GatherDeps {
  readonly holder: SnapshotHolder;
  readonly tokens: ConsistencyTokens;
  readonly clock: Clock;
  /** Called with every outcome, for metrics. */
  readonly observe: (outcome: Outcome) => void;
}

/** Who asks, and how long there is. */
export interface Asked {
  readonly caller: Caller;
  readonly signal: AbortSignal;
  readonly timeoutMs: number | undefined;
  readonly note?: Note;
}

/** A call that is being answered. */
export interface Answering extends Disposable {
  readonly snapshot: Snapshot;
  readonly slots: readonly Slot[];
  /** By position of the refs; a promise only where something is waited for. */
  readonly outcomes: readonly Gathered[];
}

/**
 * The one implementation of a batched fetch, whatever protocol it came by: plan, then gather.
 * Presenting is the protocol's.
 */
export async function beginAnswer(
  deps: AnswerDeps,
  request: FetchContextRequest,
  asked: Asked,
): Promise<Answering> {
  const batch = parseBatch(request);
  const startMs = deps.clock.monotonicMs();
  if (batch.consistencyToken !== '') await reachToken(deps, batch.consistencyToken, asked);
  const waitedMs = deps.clock.monotonicMs() - startMs;
  const timeoutMs = (asked.timeoutMs ?? DEFAULT_TIMEOUT_MS) - waitedMs;
  const { itemTimeoutMs } = batch;
  const call = createCall({ ...asked, clock: deps.clock, timeoutMs, itemTimeoutMs });
  const snapshot = deps.holder.current;
  const slots = planBatch(snapshot, batch, call);
  const outcomes = gather(deps, call, batch, slots).map((gathered) =>
    observed(gathered, deps.observe),
  );
  return { snapshot, slots, outcomes, [Symbol.dispose]: () => call[Symbol.dispose]() };
}

/** Answers a whole batch. */
export async function answer(
  deps: AnswerDeps,
  request: FetchContextRequest,
  asked: Asked,
): Promise<{ snapshot: Snapshot; slots: readonly Slot[]; outcomes: readonly Outcome[] }> {
  using answering = await beginAnswer(deps, request, asked);
  const { snapshot, slots } = answering;
  const outcomes = await settle(answering.outcomes);
  if (asked.signal.aborted) throw new ConnectError('the caller has gone', Code.Canceled);
  return { snapshot, slots, outcomes };
}

/** Waits for what must be waited for, and for nothing when all is there. */
function settle(outcomes: readonly Gathered[]): readonly Outcome[] | Promise<Outcome[]> {
  return outcomes.some((outcome) => outcome instanceof Promise)
    ? Promise.all(outcomes.map(async (outcome) => outcome))
    : (outcomes as readonly Outcome[]);
}

function planBatch(snapshot: Snapshot, batch: Batch, call: Call): Slot[] {
  const { tenant, consumer } = call.caller;
  const by = {
    snapshot,
    tenant,
    consumer: snapshot.tenants.get(tenant)?.consumers.get(consumer),
    explain: call.note !== undefined,
  };
  return batch.refs.map((ref, index) => {
    const plan = planRef(ref, by);
    const text = plan.refused
      ? plan.refused.refusal.text
      : `routed to ${plan.routes.map((r) => `${r.provider.name} ${r.provider.version}`).join(', then ')}`;
    call.note?.(index, 'plan', text, plan.refused?.refusal.reason);
    return { index, ref, plan, tried: 0 };
  });
}

/** Waits for the write of a token; the time for an item begins only after that. */
async function reachToken(deps: AnswerDeps, text: string, asked: Asked): Promise<void> {
  const token = deps.tokens.read(text);
  using waiting = createCall({ ...asked, clock: deps.clock, itemTimeoutMs: undefined });
  const late = new AbortController();
  void waiting.stopped().then(() => late.abort());
  await deps.holder.reach(token, late.signal);
}

function observed(gathered: Gathered, observe: (outcome: Outcome) => void): Gathered {
  if (!(gathered instanceof Promise)) {
    observe(gathered);
    return gathered;
  }
  return gathered.then((outcome) => {
    observe(outcome);
    return outcome;
  });
}
