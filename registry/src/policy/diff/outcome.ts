import { createHash } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import type { Obligations, Verdict } from '@weir/policy';
import { Effect } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import { type Decision, DecisionSchema } from '@weir/sdk/gen/weir/policy/v1/service_pb';

/** How many rules of an outcome are told. */
const RULES_MAX = 32;

/** What a verdict comes to for one call. */
export interface Outcome {
  /** EFFECT_ALLOW or EFFECT_DENY. */
  readonly effect: Effect;
  readonly verdict: Verdict;
  /** Why, for people. */
  readonly text: string;
}

/** What a verdict comes to; undefined: it depends on an item that is not known. */
export function outcomeOf(verdict: Verdict, purpose: string): Outcome | undefined {
  const { effect, rules, failed } = verdict;
  switch (effect) {
    case 'conditional':
      return undefined;
    case 'deny':
      if (failed !== undefined) return denied(verdict, `it could not be decided: ${failed}`);
      return denied(verdict, rules.length > 0 ? 'a rule denies it' : 'no rule allows it');
    case 'allow':
      if (isFor(verdict.obligations, purpose)) return { effect: Effect.ALLOW, verdict, text: '' };
      return denied(verdict, 'the call does not state a purpose that it is allowed for');
    default:
      return effect satisfies never;
  }
}

/** Whether two outcomes are the same to the caller: by which rules does not matter. */
export function isSame(a: Outcome, b: Outcome): boolean {
  if (a.effect !== b.effect) return false;
  return a.effect === Effect.DENY || a.verdict.obligations.id === b.verdict.obligations.id;
}

/** Verdicts are shared, and may name thousands of rules: what tells them apart is made once. */
const keys = new WeakMap<Verdict, string>();

/** Equal for outcomes that are told as one change. */
export function outcomeKey({ effect, verdict, text }: Outcome): string {
  const held = keys.get(verdict) ?? verdictKey(verdict);
  keys.set(verdict, held);
  return `${effect} ${held} ${text}`;
}

function verdictKey({ rules, obligations }: Verdict): string {
  const source = JSON.stringify([rules, obligations.id]);
  return createHash('sha256').update(source).digest('base64url');
}

/** An outcome as answers tell it. */
export function decisionOf({ effect, verdict, text }: Outcome): Decision {
  const obligations = effect === Effect.ALLOW ? [...verdict.obligations.list] : [];
  const rules = verdict.rules.slice(0, RULES_MAX);
  return create(DecisionSchema, { effect, rules, obligations, text });
}

function denied(verdict: Verdict, text: string): Outcome {
  return { effect: Effect.DENY, verdict, text };
}

function isFor({ purposes }: Obligations, purpose: string): boolean {
  return purposes.every((allowed) => allowed.includes(purpose));
}
