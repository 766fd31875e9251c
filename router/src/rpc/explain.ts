import { create, toBinary } from '@bufbuild/protobuf';
import { DurationSchema, durationFromMs } from '@bufbuild/protobuf/wkt';
import type { HandlerContext } from '@connectrpc/connect';
import { refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
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
import type { Stage } from '../call.ts';
import type { Slot } from '../gather/gather.ts';
import type { Outcome } from '../outcome.ts';
import { presentBatch } from '../present.ts';
import { reportOf } from '../quality/report.ts';
import type { Offer } from '../snapshot/catalogue.ts';
import { askedBy } from './asked.ts';

/** Explain: answers a batch as FetchContext does, and tells why. */
export function explain(deps: AnswerDeps) {
  return async (request: ExplainRequest, context: HandlerContext): Promise<ExplainResponse> => {
    if (!request.fetch) throw refuse(Reason.BATCH_EMPTY, 'fetch is missing; give the batch in it');
    const { clock } = deps;
    const startMs = clock.monotonicMs();
    const stepsOf = new Map<number, ExplainStep[]>();
    let plannedMs = startMs;
    const note = (
      index: number,
      stage: Stage,
      text: string,
      reason: Reason = Reason.UNSPECIFIED,
    ) => {
      const nowMs = clock.monotonicMs();
      if (stage === 'plan') plannedMs = nowMs;
      const step = create(ExplainStepSchema, { stage, text, at: elapsed(startMs, nowMs), reason });
      stepsOf.set(index, [...(stepsOf.get(index) ?? []), step]);
    };
    const asked = { ...askedBy(context), note };
    const { snapshot, slots, outcomes } = await answer(deps, request.fetch, asked);
    const gatheredMs = clock.monotonicMs();
    const explanations = slots.map((slot, i) =>
      create(ExplanationSchema, {
        typeVersion: slot.plan.routes[0]?.typeVersion ?? '',
        candidates: candidatesOf(slot),
        steps: stepsOf.get(i) ?? [],
        ...qualityOf(outcomes[i]),
      }),
    );
    const bare = create(ExplainResponseSchema, { explanations });
    const results = presentBatch(outcomes, toBinary(ExplainResponseSchema, bare).length);
    const presentedMs = clock.monotonicMs();
    return create(ExplainResponseSchema, {
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
  };
}

function qualityOf(outcome: Outcome | undefined): { quality?: QualityReport } {
  return outcome?.kind === 'found' ? { quality: reportOf(outcome) } : {};
}

/** Of a ref; a whole batch of them stays below what clients take. */
const MAX_REJECTED = 32;

function candidatesOf({ plan, tried }: Slot): RouteCandidate[] {
  return [
    ...plan.routes.map((offer, at) =>
      candidate(offer, at < tried, at === 0 ? 'first choice' : `choice ${at + 1}`),
    ),
    ...plan.rejected.slice(0, MAX_REJECTED).map(({ offer, why }) => candidate(offer, false, why)),
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
