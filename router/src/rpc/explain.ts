import { create, toBinary } from '@bufbuild/protobuf';
import { DurationSchema, durationFromMs } from '@bufbuild/protobuf/wkt';
import type { HandlerContext } from '@connectrpc/connect';
import { type Caller, refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { type Decision, PolicyService } from '@weir/sdk/gen/weir/policy/v1/service_pb';
import { Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import {
  type ExplainRequest,
  type ExplainResponse,
  ExplainResponseSchema,
  type ExplainStep,
  ExplainStepSchema,
  ExplanationSchema,
  type QualityReport,
  type RouteCandidate,
  RouteCandidateSchema,
} from '@weir/sdk/gen/weir/router/v1/router_pb';
import { type AnswerDeps, answer } from '../answer.ts';
import type { Slot } from '../authorise.ts';
import type { Stage } from '../call.ts';
import { bareDecisionOf, decisionOf } from '../decision.ts';
import type { Outcome } from '../outcome.ts';
import { presentItem, withinBudget } from '../present.ts';
import { reportOf } from '../quality/report.ts';
import type { Offer } from '../snapshot/catalogue.ts';
import { isAllowed } from './administer.ts';
import { askedBy } from './asked.ts';
import { fetchedItems, type RecordDeps, type Recorded, recorded } from './record.ts';

/** Explain: answers a batch as FetchContext does, and tells why. */
export function explain(deps: AnswerDeps & RecordDeps) {
  return (request: ExplainRequest, context: HandlerContext) =>
    recorded(deps, context, () => explained(deps, request, context));
}

async function explained(
  deps: AnswerDeps,
  request: ExplainRequest,
  context: HandlerContext,
): Promise<{ answer: ExplainResponse; record: Recorded }> {
  if (!request.fetch) throw refuse(Reason.BATCH_EMPTY, 'fetch is missing; give the batch in it');
  const { clock } = deps;
  const startMs = clock.monotonicMs();
  const stepsOf = new Map<number, ExplainStep[]>();
  let plannedMs = startMs;
  const note = (index: number, stage: Stage, text: string, reason: Reason = Reason.UNSPECIFIED) => {
    const nowMs = clock.monotonicMs();
    if (stage === 'plan') plannedMs = nowMs;
    const step = create(ExplainStepSchema, { stage, text, at: elapsed(startMs, nowMs), reason });
    stepsOf.set(index, [...(stepsOf.get(index) ?? []), step]);
  };
  const asked = { ...askedBy(context), note };
  const { snapshot, slots, outcomes } = await answer(deps, request.fetch, asked);
  const administers = mayAdminister(deps, asked.caller);
  const gatheredMs = clock.monotonicMs();
  const explanations = slots.map((slot, i) =>
    create(ExplanationSchema, {
      ...(isHidden(slot, outcomes[i]) && !administers
        ? {}
        : {
            typeVersion: typeVersionOf(slot),
            candidates: candidatesOf(slot, administers),
            steps: stepsFor(slot, stepsOf.get(i) ?? [], administers),
          }),
      decision: decisionFor(slot, outcomes[i], administers),
      ...qualityOf(deps, slot, outcomes[i], asked.caller),
    }),
  );
  const bare = create(ExplainResponseSchema, { explanations });
  const sent = withinBudget(outcomes, toBinary(ExplainResponseSchema, bare).length);
  const results = sent.map(presentItem);
  const presentedMs = clock.monotonicMs();
  const response = create(ExplainResponseSchema, {
    explanations: explanations.map(({ quality, ...explanation }, i) => ({
      ...explanation,
      ...(results[i] ? { result: results[i] } : {}),
      // What was too large for the answer is a refusal now.
      ...(quality && results[i]?.outcome.case === 'item' ? { quality } : {}),
    })),
    snapshot: {
      epoch: snapshot.epoch,
      revision: snapshot.revision,
      age: durationFromMs(Math.round(deps.holder.ageMs())),
    },
    stages: [
      { stage: 'plan', duration: elapsed(startMs, plannedMs) },
      { stage: 'gather', duration: elapsed(plannedMs, gatheredMs) },
      { stage: 'present', duration: elapsed(gatheredMs, presentedMs) },
    ],
  });
  const { purpose } = request.fetch;
  return {
    answer: response,
    record: { purpose, items: fetchedItems(asked.caller.tenant, slots, outcomes, sent) },
  };
}

/** Whether the caller is told no more than that there is no such item, or none for them. */
function isHidden({ conditional, verdict }: Slot, outcome: Outcome | undefined): boolean {
  if (outcome?.kind === 'found') return false;
  return conditional || verdict.effect === 'deny';
}

/** What was decided; which rules did it is for administrators alone. */
function decisionFor(slot: Slot, outcome: Outcome | undefined, administers: boolean): Decision {
  const { verdict, access } = slot;
  if (administers) return decisionOf(verdict, access.reads, 'there is none');
  return bareDecisionOf(isHidden(slot, outcome) ? { ...verdict, effect: 'deny' } : verdict);
}

/** What lowered the quality may name what is hidden of the value. */
function qualityOf(
  { redactions }: AnswerDeps,
  { verdict: { obligations }, offer }: Slot,
  outcome: Outcome | undefined,
  { tenant }: Caller,
): { quality?: QualityReport } {
  if (outcome?.kind !== 'found') return {};
  const report = reportOf(outcome);
  if (!offer || !obligations.changesValues) return { quality: report };
  const redactor = redactions.redactor({ obligations, offer, tenant });
  const notes = redactor.hidesFields ? [] : report.notes.map((note) => redactor.text(note));
  return { quality: { ...report, notes } };
}

/** Whether the caller may see rules at work: the key has the scope for it, and the policy lets them. */
function mayAdminister(deps: AnswerDeps, caller: Caller): boolean {
  const { scopes } = caller;
  if (!scopes.has(Scope.ADMIN) && !scopes.has(Scope.PLATFORM)) return false;
  return isAllowed(PolicyService.method.testPolicies, deps, caller);
}

function typeVersionOf({ offer, routes, plan }: Slot): string {
  return (offer ?? routes[0] ?? plan.routes[0])?.typeVersion ?? '';
}

/** What happened, without what only administrators may know: denied routes, and forbidden items. */
function stepsFor(
  { plan, routes, conditional, tried }: Slot,
  steps: readonly ExplainStep[],
  administers: boolean,
): ExplainStep[] {
  const namesDenied = routes.length < plan.routes.length;
  // What an earlier provider has may have been forbidden, which has to look as if it were missing.
  const tellsOfOthers = conditional && tried > 1;
  return steps.filter(({ stage }) => {
    if (administers || stage === 'authorise') return true;
    return stage === 'plan' ? !namesDenied : !tellsOfOthers;
  });
}

/** Of a ref; a whole batch of them stays below what clients take. */
const MAX_REJECTED = 32;

function candidatesOf(
  { plan, routes, tried, access, ref }: Slot,
  administers: boolean,
): RouteCandidate[] {
  const asked = new Set(routes.slice(0, tried));
  const mayBeNamed = ({ provider }: Offer) =>
    administers || access.decide(provider, ref.key).effect !== 'deny';
  return [
    ...plan.routes
      .filter(mayBeNamed)
      .map((offer, at) =>
        candidate(offer, asked.has(offer), at === 0 ? 'first choice' : `choice ${at + 1}`),
      ),
    ...plan.rejected
      .filter(({ offer }) => mayBeNamed(offer))
      .slice(0, MAX_REJECTED)
      .map(({ offer, why }) => candidate(offer, false, why)),
  ];
}

function candidate({ provider, typeVersion }: Offer, tried: boolean, text: string): RouteCandidate {
  const doubted = provider.up * 2 < provider.known.length;
  return create(RouteCandidateSchema, {
    provider: provider.name,
    providerVersion: provider.version,
    typeVersion,
    tried,
    text: doubted ? `${text}; over half of its endpoints look dead, so health is ignored` : text,
    healthyEndpoints: provider.up,
    knownEndpoints: provider.known.length,
  });
}

function elapsed(fromMs: number, toMs: number) {
  const nanos = Math.round((toMs - fromMs) * 1e6);
  return create(DurationSchema, { seconds: BigInt(Math.floor(nanos / 1e9)), nanos: nanos % 1e9 });
}
