import { create } from '@bufbuild/protobuf';
import type { Verdict } from '@weir/policy';
import { Effect, type Obligation } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import { type Decision, DecisionSchema } from '@weir/sdk/gen/weir/policy/v1/service_pb';

/** A verdict with its reasons, for those who may administer the tenant. */
export function decisionOf(verdict: Verdict, reads: readonly string[], missing = ''): Decision {
  const { effect, rules, obligations } = verdict;
  return create(DecisionSchema, {
    effect: effect === 'allow' ? Effect.ALLOW : Effect.DENY,
    rules: [...rules],
    obligations: [...obligations.list],
    text: textOf(verdict, missing),
    reads: [...reads],
  });
}

/** A verdict for those who only call: what was decided, and what was done to the item. */
export function bareDecisionOf({ effect, obligations }: Verdict): Decision {
  if (effect !== 'allow') return create(DecisionSchema, { effect: Effect.DENY });
  const told = obligations.list.map(withoutExpressions);
  return create(DecisionSchema, { effect: Effect.ALLOW, obligations: told });
}

/** What a pattern looks for can tell what nobody is to read: its name alone is told. */
function withoutExpressions(obligation: Obligation): Obligation {
  const { kind } = obligation;
  if (kind.case !== 'redact' || kind.value.patterns.length === 0) return obligation;
  const patterns = kind.value.patterns.map((pattern) => ({ ...pattern, expression: '' }));
  return { ...obligation, kind: { case: 'redact', value: { ...kind.value, patterns } } };
}

function textOf({ effect, rules, failed }: Verdict, missing: string): string {
  if (failed !== undefined) return `denied, since it cannot be decided: ${failed}`;
  switch (effect) {
    case 'allow':
      return `allowed by ${rules.join(', ')}`;
    case 'deny':
      return rules.length > 0 ? `denied by ${rules.join(', ')}` : 'denied: no rule allows it';
    case 'conditional':
      return `depends on the item${missing === '' ? '' : `: ${missing}`}`;
    default:
      return effect satisfies never;
  }
}
