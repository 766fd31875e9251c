import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { Sensitivity } from '@weir/sdk/gen/weir/context/v1/context_pb';
import {
  Action,
  Effect,
  type Policy,
  PolicySchema,
  type RuleSchema,
} from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import type { ReferenceRequest } from './reference-model.ts';

// Large rule sets for measuring, as a company that grows makes them: more departments, each with
// rules of its own, and a few rules for all. Nothing is left to chance.

/** What a large set is made of. */
export const largeShape = {
  /** Rules of one department: over its four types, for its role. */
  departmentRules: 20,
  /** The share of these that are about all types of the department, by a pattern. */
  wildcardShare: 0.1,
  /** The share of these that name no subject. */
  everyoneShare: 0.1,
  /** Rules about everything, for everybody: so many in all, however large the set is. */
  globalRules: 2,
  /** Rules of one policy at most. */
  policyRules: 2000,
} as const;

const typesOfDepartment = 4;
const conditions = [
  '',
  'subject.clearance >= resource.sensitivity',
  'subject.purpose in ["support", "billing"] || subject.clearance >= 2',
  '',
  'has(resource.labels.team) && resource.labels.team == subject.project',
  'inNetwork(environment.network, "10.0.0.0/8")',
  '',
  'between("06:00", "23:00", "Asia/Taipei") || subject.tier == "gold"',
] as const;

/** Makes the policies of a tenant with so many rules. */
export function largePolicies(rules: number): Policy[] {
  const all = Array.from({ length: rules }, (_, index) => largeRule(index));
  const count = Math.ceil(rules / largeShape.policyRules);
  return Array.from({ length: count }, (_, index) => {
    const from = index * largeShape.policyRules;
    return largePolicy(`policy-${index}`, all.slice(from, from + largeShape.policyRules));
  });
}

/** The policy with one rule more: what a change of one document makes. */
export function withOneMore(policy: Policy, version: number): Policy {
  const rules = policy.manifest?.rules ?? [];
  const added = { ...largeRule(0), name: `added-${version}` };
  return largePolicy(policy.manifest?.name ?? '', [...rules, added], version);
}

function largePolicy(
  name: string,
  rules: readonly MessageInitShape<typeof RuleSchema>[],
  version = 1,
): Policy {
  return create(PolicySchema, {
    version,
    manifestHash: `${name}@${version}`,
    manifest: { name, rules: [...rules] },
  });
}

function largeRule(index: number): MessageInitShape<typeof RuleSchema> {
  if (index < largeShape.globalRules) return globalRule(index);
  const { departmentRules, wildcardShare, everyoneShare } = largeShape;
  const department = Math.floor(index / departmentRules);
  const place = index % departmentRules;
  const wildcard = place < departmentRules * wildcardShare;
  const everyone = place >= departmentRules * (1 - everyoneShare);
  const effect = place % 10 === 9 ? Effect.DENY : place % 5 === 4 ? Effect.OBLIGE : Effect.ALLOW;
  return {
    name: `rule-${index}`,
    effect,
    actions: [Action.FETCH, Action.LIST],
    ...(!everyone && { subjects: { roles: [`department-${department}`] } }),
    resources: { types: [wildcard ? `D${department}X*` : typeOf(department, place)] },
    condition:
      effect === Effect.DENY
        ? 'resource.sensitivity == RESTRICTED && subject.clearance < 4'
        : (conditions[place % conditions.length] ?? ''),
    obligations:
      effect === Effect.OBLIGE
        ? [{ kind: { case: 'mask', value: { fields: { pointers: [`/field-${place}`] } } } }]
        : [],
  };
}

function globalRule(index: number): MessageInitShape<typeof RuleSchema> {
  return {
    name: `rule-${index}`,
    effect: index === 0 ? Effect.OBLIGE : Effect.DENY,
    actions: [Action.ANY],
    condition: index === 0 ? 'subject.purpose != "support"' : 'resource.owner == "nobody"',
    obligations:
      index === 0 ? [{ kind: { case: 'drop', value: { fields: { tags: ['secret'] } } } }] : [],
  };
}

function typeOf(department: number, place: number): string {
  return `D${department}X${place % typesOfDepartment}`;
}

/** A request of somebody of a department, of those that so many rules make. */
export function largeRequest(rules: number, index: number): ReferenceRequest {
  const departments = Math.max(1, Math.floor(rules / largeShape.departmentRules));
  const department = index % departments;
  return {
    subject: {
      tenant: 'acme',
      principal: `user:${department}`,
      kind: 'user',
      consumer: '',
      attributes: { roles: [`department-${department}`], clearance: 2, project: 'apollo' },
    },
    action: 'fetch',
    type: typeOf(department, index),
    resource: { key: `key-${index}`, provider: 'sql-data' },
    facts: {
      purpose: 'support',
      network: '10.1.2.3',
      authentication: 'token',
      nowMs: Date.parse('2027-03-01T04:00:00Z'),
    },
    item: {
      sensitivity: index % 3 === 0 ? Sensitivity.RESTRICTED : Sensitivity.INTERNAL,
      labels: { team: 'apollo' },
      owner: 'user:ada',
    },
  };
}
