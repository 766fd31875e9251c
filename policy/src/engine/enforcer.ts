import { Enforcer, FunctionMap, Model } from 'casbin';
import type { RuleEffect } from './indexed-rule.ts';

// Casbin decides: the model below is the whole of what rules come to. What Casbin can do beside
// (loading policies, roles of its own, patterns in matchers, eval) is not used: see
// docs/decisions/policy-engine.md.

/** Decides a request over some rules. */
export type Enforce<Request> = (request: Request) => boolean;

const effect = 'some(where (p.eft == allow)) && !some(where (p.eft == deny))';

/** Casbin over a few rules, with nothing but the one function that its matcher calls. */
class RuleEnforcer extends Enforcer {
  constructor(model: Model, applies: (request: unknown, rule: string) => boolean) {
    super();
    this.fm = new FunctionMap();
    this.fm.addFunction('applies', applies);
    this.setModel(model);
  }
}

/**
 * Makes an enforcer over rules that are known by their places in a list. `applies` tells whether
 * the rule at a place applies to a request; it is asked in the order of the list, and not beyond
 * the first rule that denies.
 */
export function createEnforcer<Request>(
  effects: readonly RuleEffect[],
  applies: (request: Request, place: number) => boolean,
): Enforce<Request> {
  const model = new Model();
  model.addDef('r', 'r', 'request');
  model.addDef('p', 'p', 'rule, eft');
  model.addDef('e', 'e', effect);
  model.addDef('m', 'm', 'applies(r.request, p.rule)');
  const rows = effects.map((eft, place) => [String(place), eft]);
  model.addPolicies('p', 'p', rows);
  // With no rows Casbin asks once for a rule named ""; nothing applies there.
  const enforcer = new RuleEnforcer(
    model,
    (request, rule) => rule !== '' && applies(request as Request, Number(rule)),
  );
  return (request) => enforcer.enforceSync(request);
}
