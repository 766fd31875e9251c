import { type Caller, refuse } from '@weir/kit';
import { indexPolicies } from '@weir/policy';
import { Sensitivity } from '@weir/sdk/gen/weir/context/v1/context_pb';
import type { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { Action, type Policy } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import { PolicyService } from '@weir/sdk/gen/weir/policy/v1/service_pb';
import { Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import type { Reader } from '../store/store.ts';
import { subjectOf } from './subject.ts';

/** A change of policies, and who makes it. */
export interface PolicyChange {
  readonly caller: Caller;
  /** All policies that would be in force. */
  readonly after: readonly Policy[];
  readonly nowMs: number;
}

/** What administering is decided on: there is no item. */
const noItem = { sensitivity: Sensitivity.UNSPECIFIED, labels: {}, owner: '' };

/**
 * Refuses a change of policies after which the one who makes it could not change them any more:
 * a tenant whose policies let nobody administer it could not mend that itself. Policies do not bind
 * who administers the platform.
 */
export async function requireWayBack(
  reader: Reader,
  change: PolicyChange,
  reason: Reason,
): Promise<void> {
  const text = await lockOutText(reader, change);
  if (text !== undefined) throw refuse(reason, text);
}

/** Says how a change would lock out the one who makes it; undefined: it would not. */
export async function lockOutText(
  reader: Reader,
  { caller, after, nowMs }: PolicyChange,
): Promise<string | undefined> {
  if (caller.scopes.has(Scope.PLATFORM)) return undefined;
  const { network, authentication } = caller;
  const subject = await subjectOf(reader, caller);
  const facts = { purpose: '', network, authentication, nowMs };
  const resource = { key: PolicyService.method.putPolicy.name, provider: '' };
  const index = indexPolicies(after.map(administering));
  const cell = index.cell(subject, 'administer', PolicyService.name);
  const { effect, rules, failed } = cell.decide(facts, resource, noItem);
  if (effect === 'allow') return undefined;
  const denied = rules.length > 0 ? `${rules.join(', ')} would deny it` : 'no rule would allow it';
  const why = failed === undefined ? denied : `it could not be decided: ${failed}`;
  return `after this you could not change policies any more: ${why}; let a rule allow you the action administer on the type PolicyService`;
}

/** A policy with only the rules that may concern administration. */
function administering(policy: Policy): Policy {
  if (!policy.manifest) return policy;
  const { manifest } = policy;
  const rules = manifest.rules.filter(
    ({ actions }) => actions.includes(Action.ADMINISTER) || actions.includes(Action.ANY),
  );
  return { ...policy, manifestHash: '', manifest: { ...manifest, rules } };
}
