import { Action, Effect, type Rule } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import type { ActionName } from '../model.ts';

/** What a rule does, in Casbin's words; `oblige` is none of them, and so neither allows nor denies. */
export type RuleEffect = 'allow' | 'deny' | 'oblige';

/** A rule as the index keeps it: what is dear to make of it is made when it is a candidate. */
export interface IndexedRule {
  /** "<policy>/<rule>". */
  readonly id: string;
  /** Unlike that of any other rule of this process. */
  readonly serial: number;
  readonly effect: RuleEffect;
  /** A bit for each action. */
  readonly actions: number;
  readonly source: Rule;
}

const bits: Readonly<Record<ActionName, number>> = {
  fetch: 1 << Action.FETCH,
  list: 1 << Action.LIST,
  subscribe: 1 << Action.SUBSCRIBE,
  publish: 1 << Action.PUBLISH,
  call: 1 << Action.CALL,
  administer: 1 << Action.ADMINISTER,
};
const allBits = Object.values(bits).reduce((all, bit) => all | bit, 0);
let serials = 0;

/** Takes a rule into the index. What is no effect denies. */
export function indexRule(policy: string, source: Rule): IndexedRule {
  serials += 1;
  return {
    id: `${policy}/${source.name}`,
    serial: serials,
    effect: effectOf(source.effect),
    actions: source.actions.map(maskOf).reduce((mask, bit) => mask | bit, 0),
    source,
  };
}

/** Whether a rule is about an action. */
export function isAbout(rule: IndexedRule, action: ActionName): boolean {
  return (rule.actions & bits[action]) !== 0;
}

function maskOf(action: Action): number {
  return action === Action.ANY ? allBits : 1 << action;
}

function effectOf(effect: Effect): RuleEffect {
  switch (effect) {
    case Effect.ALLOW:
      return 'allow';
    case Effect.OBLIGE:
      return 'oblige';
    default:
      return 'deny';
  }
}
