import type { JsonObject } from '@bufbuild/protobuf';
import { Sensitivity } from '@weir/sdk/gen/weir/context/v1/context_pb';
import { expect, test } from 'vitest';
import type { ActionName, CallFacts, ItemFacts, PolicyIndex } from '../model.ts';
import { indexPolicies } from './index-policies.ts';
import { mergeVerdicts } from './merge-verdicts.ts';
import { factsOf, itemOf, policyOf, subjectOf } from './policies.fixture.ts';

const resource = { key: 'hr', provider: 'sql' };

function decide(index: PolicyIndex, facts: Partial<CallFacts> = {}, item?: Partial<ItemFacts>) {
  const cell = index.cell(subjectOf(), 'fetch', 'SQLSchema');
  return cell.decide(factsOf(facts), resource, item && itemOf(item));
}

const mask = (pointers: string[]) => ({ mask: { fields: { pointers } } });

test('obligations of several rules are joined, each once, whatever their order', () => {
  const index = indexPolicies([
    policyOf([
      { obligations: [mask(['/a', '/b']), { capAge: { age: '60s' } }] },
      { obligations: [mask(['/b', '/a', '/a'])] },
      { effect: 'oblige', obligations: [{ capAge: { age: '1.5s' } }] },
      { effect: 'oblige', obligations: [{ requirePurpose: { purposes: ['support', 'billing'] } }] },
      { obligations: [mask(['/c'])], resources: { keys: ['other'] } },
    ]),
  ]);
  const { obligations } = decide(index);
  expect(obligations.list).toHaveLength(4);
  expect(obligations.maxAgeMs).toBe(1500);
  expect(obligations.purposes).toEqual([['billing', 'support']]);
  expect(obligations.changesValues).toBe(true);
});

test('equal sets of obligations are identical, over rules and indexes', () => {
  const first = policyOf([{ obligations: [mask(['/a']), mask(['/b'])] }]);
  const index = indexPolicies([first]);
  const later = indexPolicies([policyOf([{ obligations: [mask(['/b']), mask(['/a'])] }])], index);
  expect(decide(later).obligations).toBe(decide(index).obligations);
  expect(decide(indexPolicies([policyOf([{}])])).obligations.id).toBe('');
});

test('a verdict is remembered by what rules read, and by nothing else', () => {
  const index = indexPolicies([
    policyOf([{ condition: '!("pii" in resource.labels) || subject.purpose == "support"' }]),
  ]);
  const clean = decide(index, {}, { labels: { team: 'a' }, sensitivity: Sensitivity.RESTRICTED });
  expect(clean).toBe(decide(index, { network: '192.0.2.1' }, { labels: {}, owner: 'x' }));
  expect(decide(index, {}, { labels: { pii: 'yes' } }).effect).toBe('deny');
  expect(decide(index, { purpose: 'support' }, { labels: { pii: 'yes' } }).effect).toBe('allow');
  expect(decide(index).effect).toBe('conditional');
});

test('attributes whose names hold a dot are told apart', () => {
  const index = indexPolicies([
    policyOf([
      {
        condition:
          'has(subject.attributes.a) && resource.key == "hr" && subject.attributes.a.b == 1',
      },
      { condition: 'subject.attributes["a.b"] == 2 && resource.key == "hr"' },
    ]),
  ]);
  const effect = (attributes: Parameters<typeof subjectOf>[0]) =>
    index.cell(subjectOf(attributes), 'fetch', 'SQLSchema').decide(factsOf(), resource, undefined)
      .effect;
  expect(effect({ a: { b: 0 }, 'a.b': 2 })).toBe('allow');
  expect(effect({ a: { b: 0 }, 'a.b': 3 })).toBe('deny');
});

test.each([
  ['roles', '(hasRole("a") && resource.key == "hr")'],
  ['types', '(resource.type == "Metric" && resource.key == "hr")'],
  ['actions', '(action == "list" && resource.key == "hr")'],
  ['attributes', '(subject.attributes.n == 1 && resource.key == "hr")'],
])('what is remembered for one is not given to another: %s are told apart', (_name, condition) => {
  // The other operand leaves it open until the key is known.
  const index = indexPolicies([
    policyOf([{ condition: `${condition} || resource.key == "x"`, actions: ['any'] }]),
  ]);
  const effect = (attributes: JsonObject, action: ActionName, type: string) =>
    index.cell(subjectOf(attributes), action, type).decide(factsOf(), resource, undefined).effect;
  expect(effect({ roles: ['b'], n: 2 }, 'fetch', 'Document')).toBe('deny');
  expect(effect({ roles: ['a'], n: 1 }, 'list', 'Metric')).toBe('allow');
  expect(effect({ roles: ['b'], n: 2 }, 'fetch', 'Document')).toBe('deny');
});

test('each failure tells its own cause', () => {
  const index = indexPolicies([
    policyOf([{ condition: 'resource.labels.a == resource.labels.b' }]),
  ]);
  expect(decide(index, {}, { labels: { a: '1' } }).failed).toContain('No such key: b');
  expect(decide(index, {}, { labels: { b: '1' } }).failed).toContain('No such key: a');
});

test('a rule on the clock is decided anew at its boundary, in both directions', () => {
  const index = indexPolicies([
    policyOf([{ condition: 'between("09:00", "18:00", "Asia/Taipei") && weekday("UTC") < 6' }]),
  ]);
  const at = (time: string) => decide(index, { nowMs: Date.parse(time) }).effect;
  expect(at('2027-03-01T00:59:59.999Z')).toBe('deny');
  expect(at('2027-03-01T01:00:00Z')).toBe('allow');
  expect(at('2027-03-01T09:59:59.999Z')).toBe('allow');
  expect(at('2027-03-01T10:00:00Z')).toBe('deny');
  expect(at('2027-03-01T01:00:00Z')).toBe('allow');
  expect(at('2027-03-06T01:00:00Z')).toBe('deny');
});

test('a change of one policy takes over the others, and what was decided by them alone', () => {
  const stays = policyOf([{ resources: { keys: ['hr'] } }], { name: 'stays', hash: 'a' });
  const goes = policyOf([{ resources: { types: ['Metric'] } }], { name: 'goes', hash: 'b' });
  const index = indexPolicies([stays, goes]);
  const verdict = decide(index);
  const again = policyOf([{ resources: { keys: ['hr'] } }], { name: 'stays', hash: 'a' });
  const denies = policyOf([{ effect: 'deny', resources: { types: ['Metric'] } }], {
    name: 'goes',
    hash: 'c',
  });
  const changed = indexPolicies([again, denies], index);
  expect(decide(changed)).toBe(verdict);
  const metric = changed.cell(subjectOf(), 'fetch', 'Metric');
  expect(metric.decide(factsOf(), resource, undefined).effect).toBe('deny');
  expect(indexPolicies([stays], changed).rules).toBe(1);
});

test('a change of a role reaches those who have it', () => {
  const rules = policyOf([{ subjects: { roles: ['viewer'] } }], { name: 'rules', hash: 'a' });
  const roles = (includes: string[], hash: string) =>
    policyOf([], { name: 'roles', hash, roles: [{ name: 'admin', includes }] });
  const admin = subjectOf({ roles: ['admin'] });
  const effect = (index: PolicyIndex) =>
    index.cell(admin, 'fetch', 'Metric').decide(factsOf(), resource, undefined).effect;
  const before = indexPolicies([rules, roles([], '1')]);
  expect(effect(before)).toBe('deny');
  expect(effect(indexPolicies([rules, roles(['viewer'], '2')], before))).toBe('allow');
});

test('roles that include each other over two policies are equal', () => {
  const index = indexPolicies([
    policyOf([{ subjects: { roles: ['b'] } }], { roles: [{ name: 'a', includes: ['b'] }] }),
    policyOf([{ subjects: { roles: ['a'] }, actions: ['list'] }], {
      name: 'other',
      roles: [{ name: 'b', includes: ['a'] }],
    }),
  ]);
  for (const role of ['a', 'b']) {
    const subject = subjectOf({ roles: [role] });
    for (const action of ['fetch', 'list'] as const) {
      const cell = index.cell(subject, action, 'Metric');
      expect(cell.decide(factsOf(), resource, undefined).effect).toBe('allow');
    }
  }
});

test.each([
  ['nothing allows', [], false],
  ['something is allowed for a key', [{ resources: { keys: ['x'] } }], true],
  ['something may be allowed for an item', [{ condition: 'resource.owner == "x"' }], true],
  ['the subject does not meet it', [{ condition: 'subject.tier == "gold"' }], false],
  ['all is denied', [{}, { effect: 'deny' }], false],
  ['a key is denied', [{}, { effect: 'deny', resources: { keys: ['x'] } }], true],
  ['nothing can be evaluated', [{}, { condition: 'subject.attributes.x == 1' }], false],
  ['only an obligation is there', [{ effect: 'oblige', obligations: [mask(['/a'])] }], false],
])('a type is visible or not: %s', (_name, rules, visible) => {
  const index = indexPolicies([policyOf(rules)]);
  expect(index.cell(subjectOf(), 'fetch', 'Metric').visible).toBe(visible);
});

test('a cell tells what its rules read', () => {
  const index = indexPolicies([
    policyOf([
      { condition: 'resource.labels.team == "a" && between("09:00", "10:00", "UTC")' },
      { condition: 'subject.tier == "gold" && resource.sensitivity > PUBLIC' },
      { resources: { keys: ['hr*'] } },
    ]),
  ]);
  expect(index.cell(subjectOf(), 'fetch', 'Metric').reads).toEqual([
    'environment.time',
    'resource.key',
    'resource.labels.team',
    'subject.tier',
  ]);
});

test('where two must agree, one denial is enough, and the obligations of both hold', () => {
  const a = decide(indexPolicies([policyOf([{ obligations: [mask(['/a'])] }], { name: 'a' })]));
  const b = decide(indexPolicies([policyOf([{ obligations: [mask(['/b'])] }], { name: 'b' })]));
  const none = decide(indexPolicies([]));
  const both = mergeVerdicts(a, b);
  expect(both.rules).toEqual(['a/r0', 'b/r0']);
  expect(both.obligations.list).toHaveLength(2);
  expect(mergeVerdicts(b, a).obligations).toBe(both.obligations);
  expect(mergeVerdicts(a, none)).toBe(none);
  expect(mergeVerdicts(none, b)).toBe(none);
});
