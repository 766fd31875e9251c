import { create, fromJson, type JsonObject } from '@bufbuild/protobuf';
import { Sensitivity } from '@weir/sdk/gen/weir/context/v1/context_pb';
import {
  type Policy,
  PolicyManifestSchema,
  PolicySchema,
} from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import type { CallFacts, ItemFacts, Subject } from '../model.ts';
import { createSubject } from '../subject.ts';

// What the stories about policies are told with: short forms for what they are not about.

/** A policy from its rules; the effect is "allow" and the action "fetch" where none is stated. */
export function policyOf(
  rules: readonly JsonObject[],
  {
    name = 'main',
    roles = [],
    hash = '',
  }: { name?: string; roles?: JsonObject[]; hash?: string } = {},
): Policy {
  const named = rules.map((rule, index) => ({
    name: `r${index}`,
    ...rule,
    effect: `EFFECT_${String(rule.effect ?? 'allow').toUpperCase()}`,
    actions: ((rule.actions ?? ['fetch']) as string[]).map(
      (action) => `ACTION_${action.toUpperCase()}`,
    ),
  }));
  const manifest = fromJson(PolicyManifestSchema, { name, roles, rules: named });
  return create(PolicySchema, { manifest, manifestHash: hash });
}

/** A subject of some attributes. */
export function subjectOf(attributes: JsonObject = {}, principal = 'user:lin'): Subject {
  return createSubject({ tenant: 'acme', principal, kind: 'user', consumer: '', attributes });
}

/** The facts of a call, at noon of a Monday in UTC where no time is given. */
export function factsOf(facts: Partial<CallFacts> = {}): CallFacts {
  return {
    purpose: '',
    network: '10.1.2.3',
    authentication: 'key',
    nowMs: Date.parse('2027-03-01T12:00:00Z'),
    ...facts,
  };
}

/** What an item tells. */
export function itemOf(item: Partial<ItemFacts> = {}): ItemFacts {
  return { sensitivity: Sensitivity.INTERNAL, labels: {}, owner: 'user:ada', ...item };
}
