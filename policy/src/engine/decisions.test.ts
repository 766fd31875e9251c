import type { JsonObject } from '@bufbuild/protobuf';
import { Sensitivity } from '@weir/sdk/gen/weir/context/v1/context_pb';
import { expect, test } from 'vitest';
import type { CallFacts, ItemFacts, Verdict } from '../model.ts';
import { indexPolicies } from './index-policies.ts';
import { factsOf, itemOf, policyOf, subjectOf } from './policies.fixture.ts';

// What rules mean, one sentence of the contract at a time.

interface Case {
  readonly means: string;
  readonly rules: readonly JsonObject[];
  readonly roles?: JsonObject[];
  readonly subject?: JsonObject;
  readonly principal?: string;
  readonly type?: string;
  readonly key?: string;
  readonly provider?: string;
  readonly facts?: Partial<CallFacts>;
  /** Absent: the item is not known. */
  readonly item?: Partial<ItemFacts>;
  readonly effect: Verdict['effect'];
  readonly applied?: readonly string[];
}

const hr = { resources: { types: ['SQLSchema'], keys: ['hr', 'hr/*'] } };

const cases: readonly Case[] = [
  { means: 'no rule denies', rules: [], effect: 'deny' },
  { means: 'a rule that names nothing allows all', rules: [{}], effect: 'allow', applied: ['r0'] },
  {
    means: 'a rule about another action does not apply',
    rules: [{ actions: ['list', 'call'] }],
    effect: 'deny',
  },
  { means: 'any is every action', rules: [{ actions: ['any'] }], effect: 'allow' },
  {
    means: 'deny overrides allow, whatever their order',
    rules: [{ effect: 'deny' }, {}, { effect: 'deny', name: 'second' }],
    effect: 'deny',
    applied: ['r0', 'second'],
  },
  {
    means: 'oblige allows nothing',
    rules: [{ effect: 'oblige', obligations: [{ capAge: { age: '60s' } }] }],
    effect: 'deny',
  },
  {
    means: 'oblige is told beside what allows',
    rules: [{ effect: 'oblige', obligations: [{ capAge: { age: '60s' } }] }, {}],
    effect: 'allow',
    applied: ['r0', 'r1'],
  },
  {
    means: 'a principal is named',
    rules: [{ subjects: { principals: ['user:lin'] } }],
    effect: 'allow',
  },
  {
    means: 'another principal is not',
    rules: [{ subjects: { principals: ['user:lin'] } }],
    principal: 'user:wu',
    effect: 'deny',
  },
  {
    means: 'a role, a group or a name is enough',
    rules: [{ subjects: { principals: ['user:wu'], roles: ['admin'], groups: ['hr'] } }],
    subject: { groups: ['hr'] },
    effect: 'allow',
  },
  {
    means: 'roles include others, over several steps',
    rules: [{ subjects: { roles: ['viewer'] } }],
    roles: [
      { name: 'admin', includes: ['editor'] },
      { name: 'editor', includes: ['viewer'] },
    ],
    subject: { roles: ['admin'] },
    effect: 'allow',
  },
  {
    means: 'and not the other way round',
    rules: [{ subjects: { roles: ['admin'] } }],
    roles: [{ name: 'admin', includes: ['viewer'] }],
    subject: { roles: ['viewer'] },
    effect: 'deny',
  },
  {
    means: 'of several roles the highest clearance counts',
    rules: [{ condition: 'subject.clearance == 3' }],
    roles: [
      { name: 'a', includes: ['b'], attributes: { clearance: 1 } },
      { name: 'b', attributes: { clearance: 3 } },
    ],
    subject: { roles: ['a'] },
    effect: 'allow',
  },
  {
    means: 'a clearance of one’s own counts before that of roles, lower or not',
    rules: [{ condition: 'subject.clearance == 1' }],
    roles: [{ name: 'a', attributes: { clearance: 3 } }],
    subject: { roles: ['a'], clearance: 1 },
    effect: 'allow',
  },
  {
    means: 'the project comes from the first role by name',
    rules: [{ condition: 'subject.project == "apollo"' }],
    roles: [
      { name: 'b', attributes: { project: 'gemini' } },
      { name: 'a', attributes: { project: 'apollo' } },
    ],
    subject: { roles: ['b', 'a'] },
    effect: 'allow',
  },
  {
    means: 'what is of the wrong type is not stated',
    rules: [{ condition: 'subject.clearance == 0 && subject.roles == [] && subject.tier == ""' }],
    subject: { clearance: '4', roles: 'admin', tier: 7 },
    effect: 'allow',
  },
  { means: 'a key is matched', rules: [hr], key: 'hr', effect: 'allow' },
  { means: 'a prefix is matched', rules: [hr], key: 'hr/salaries', effect: 'allow' },
  { means: 'what only begins alike is not', rules: [hr], key: 'hr2', effect: 'deny' },
  { means: 'nor is another type', rules: [hr], key: 'hr', type: 'Document', effect: 'deny' },
  {
    means: 'every list that is not empty must match',
    rules: [{ resources: { types: ['SQL*'], providers: ['docs'] } }],
    provider: 'sql',
    effect: 'deny',
  },
  {
    means: 'a provider is matched by a prefix',
    rules: [{ resources: { providers: ['sq*'] } }],
    provider: 'sql',
    effect: 'allow',
  },
  {
    means: 'a condition on the item waits for it',
    rules: [{ condition: 'subject.clearance >= resource.sensitivity' }],
    effect: 'conditional',
  },
  {
    means: 'and is decided with it',
    rules: [{ condition: 'subject.clearance >= resource.sensitivity' }],
    subject: { clearance: 2 },
    item: { sensitivity: Sensitivity.CONFIDENTIAL },
    effect: 'deny',
  },
  {
    means: 'what is not stated to be sensitive is internal',
    rules: [{ condition: 'resource.sensitivity == INTERNAL' }],
    item: { sensitivity: Sensitivity.UNSPECIFIED },
    effect: 'allow',
  },
  {
    means: 'no item is needed where a deny applies already',
    rules: [{ condition: 'resource.owner == subject.principal' }, { effect: 'deny' }],
    effect: 'deny',
    applied: ['r1'],
  },
  {
    means: 'no item is needed where nothing can allow it',
    rules: [{ effect: 'deny', condition: 'resource.owner == "x"' }],
    effect: 'deny',
  },
  {
    means: 'no item is needed where the other operand decides',
    rules: [{ condition: 'resource.sensitivity <= PUBLIC || subject.tier == "gold"' }],
    subject: { tier: 'gold' },
    effect: 'allow',
  },
  {
    means: 'an item is needed for a deny that may come',
    rules: [{}, { effect: 'deny', condition: '"secret" in resource.labels' }],
    effect: 'conditional',
  },
  {
    means: 'an item is needed for an obligation that may come',
    rules: [
      {},
      {
        effect: 'oblige',
        condition: 'resource.sensitivity >= CONFIDENTIAL',
        obligations: [{ hash: { fields: { pointers: ['/name'] } } }],
      },
    ],
    effect: 'conditional',
  },
  {
    means: 'a condition that cannot be evaluated denies what another rule allows',
    rules: [{}, { condition: 'subject.attributes.level > 2' }],
    item: {},
    effect: 'deny',
  },
  {
    means: 'even one that would only oblige',
    rules: [
      {},
      {
        effect: 'oblige',
        condition: 'resource.labels.team == "a"',
        obligations: [{ capAge: { age: '1s' } }],
      },
    ],
    item: {},
    effect: 'deny',
  },
  {
    means: 'but not of a rule about something else',
    rules: [{}, { condition: 'subject.attributes.level > 2', resources: { keys: ['other'] } }],
    effect: 'allow',
    applied: ['r0'],
  },
  {
    means: 'a missing attribute is asked for with has',
    rules: [{ condition: '!has(subject.attributes.level) || subject.attributes.level > 2' }],
    effect: 'allow',
  },
  {
    means: 'the purpose is the call’s',
    rules: [{ condition: 'subject.purpose == "support"' }],
    facts: { purpose: 'support' },
    effect: 'allow',
  },
  {
    means: 'a certificate is stronger than a key',
    rules: [{ condition: 'environment.strength >= 3' }],
    facts: { authentication: 'certificate' },
    effect: 'allow',
  },
  {
    means: 'a network holds an address',
    rules: [{ condition: 'inNetwork(environment.network, "10.0.0.0/8")' }],
    effect: 'allow',
  },
  {
    means: 'what is no address cannot be evaluated',
    rules: [{}, { effect: 'deny', condition: 'inNetwork(environment.network, "10.0.0.0/8")' }],
    facts: { network: '' },
    effect: 'deny',
    applied: [],
  },
  {
    means: 'patterns are found in linear time',
    rules: [{ condition: 'resource.key.matches("^(a+)+$")' }],
    key: `${'a'.repeat(500)}!`,
    effect: 'deny',
  },
];

test.each(cases)('$means', (one) => {
  const index = indexPolicies([policyOf(one.rules, { roles: one.roles ?? [] })]);
  const subject = subjectOf(one.subject, one.principal);
  const cell = index.cell(subject, 'fetch', one.type ?? 'SQLSchema');
  const verdict = cell.decide(
    factsOf(one.facts),
    { key: one.key ?? 'hr', provider: one.provider ?? 'sql' },
    one.item && itemOf(one.item),
  );
  expect(verdict.effect).toBe(one.effect);
  if (one.applied) expect(verdict.rules).toEqual(one.applied.map((rule) => `main/${rule}`));
});

test('a failure names the rule and the cause', () => {
  const index = indexPolicies([policyOf([{}, { condition: 'subject.attributes.level > 2' }])]);
  const verdict = index
    .cell(subjectOf(), 'fetch', 'Document')
    .decide(factsOf(), { key: 'a', provider: 'b' }, undefined);
  expect(verdict.failed).toBe('main/r1: No such key: level');
});

test('a condition that slipped past the check denies where it may apply, and nowhere else', () => {
  const index = indexPolicies([
    policyOf([{}, { condition: 'subject.nothing == 1', resources: { types: ['Document'] } }]),
  ]);
  const decide = (type: string) =>
    index
      .cell(subjectOf(), 'fetch', type)
      .decide(factsOf(), { key: 'a', provider: 'b' }, undefined);
  expect(decide('Document')).toMatchObject({ effect: 'deny' });
  expect(decide('Document').failed).toContain('main/r1: subject has no field "nothing"');
  expect(decide('Metric').effect).toBe('allow');
});

test('a subject with more values than can be looked through is not looked through', () => {
  const index = indexPolicies([
    policyOf([{ condition: 'subject.attributes.big.exists(x, x == 1)' }]),
  ]);
  const big = Array.from({ length: 5000 }, () => 0);
  const verdict = index
    .cell(subjectOf({ big }), 'fetch', 'Document')
    .decide(factsOf(), { key: 'a', provider: 'b' }, undefined);
  expect(verdict.failed).toContain('too many');
});
