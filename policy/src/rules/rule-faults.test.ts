import { create, fromJson, type JsonObject } from '@bufbuild/protobuf';
import { PolicyManifestSchema } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import { expect, test } from 'vitest';
import { ruleFaults } from './rule-faults.ts';

function faultsOf(manifest: JsonObject) {
  return ruleFaults(fromJson(PolicyManifestSchema, { name: 'main', ...manifest }));
}

const allow = { name: 'r', effect: 'EFFECT_ALLOW', actions: ['ACTION_FETCH'] };
const oblige = { ...allow, effect: 'EFFECT_OBLIGE' };
const withRule = (rule: JsonObject) => ({ rules: [{ ...allow, ...rule }] });
const withObligation = (obligation: JsonObject) => ({
  rules: [{ ...oblige, obligations: [obligation] }],
});
const onSalary = { pointers: ['/salary'] };

test('a policy without faults has none', () => {
  const faults = faultsOf({
    roles: [{ name: 'admin', includes: ['viewer'], attributes: { clearance: 4 } }],
    rules: [
      {
        ...allow,
        subjects: { principals: ['agent:lin'], roles: ['Domain Admins'], groups: ['hr'] },
        actions: ['ACTION_ANY'],
        resources: { types: ['SQL*', 'Document'], providers: ['sql-*', '*'], keys: ['hr/*', 'hr'] },
        condition: 'subject.clearance >= resource.sensitivity',
        obligations: [
          { mask: { fields: onSalary, keepLast: 4 } },
          {
            redact: { detectors: ['email'], patterns: [{ name: 'badge', expression: 'B[0-9]+' }] },
          },
          { requirePurpose: { purposes: ['support'] } },
          { truncate: { fields: { tags: ['pii'] }, characters: 0 } },
          { capAge: { age: '1s' } },
        ],
      },
    ],
  });
  expect(faults).toEqual([]);
});

const many = (count: number, name: (index: number) => unknown) =>
  Array.from({ length: count }, (_, index) => name(index)) as string[];

test.each([
  ['name', { name: 'Main' }, 'is not a name'],
  ['rules.0.name', withRule({ name: '' }), 'is not a name'],
  ['rules.1.name', { rules: [allow, allow] }, 'is there twice'],
  ['rules.0.effect', withRule({ effect: 'EFFECT_UNSPECIFIED' }), 'is not stated'],
  ['rules.0.effect', withRule({ effect: 9 }), 'is not stated'],
  ['rules.0.actions', withRule({ actions: [] }), 'is empty'],
  ['rules.0.actions.0', withRule({ actions: ['ACTION_UNSPECIFIED'] }), 'is no action'],
  ['rules.0.subjects', withRule({ subjects: {} }), 'names nobody'],
  ['rules.0.subjects.principals.0', withRule({ subjects: { principals: ['A b'] } }), 'not a name'],
  ['rules.0.subjects.roles.0', withRule({ subjects: { roles: ['a\u0000'] } }), 'not a name'],
  ['rules.0.subjects.groups', withRule({ subjects: { groups: many(101, String) } }), 'at most 100'],
  ['rules.0.resources.types.0', withRule({ resources: { types: ['S*L'] } }), 'is no type'],
  ['rules.0.resources.types.0', withRule({ resources: { types: [''] } }), 'is no type'],
  ['rules.0.resources.providers.0', withRule({ resources: { providers: ['A'] } }), 'no provider'],
  ['rules.0.resources.keys.1', withRule({ resources: { keys: ['*', 'a*b'] } }), 'before the end'],
  ['rules.0.resources.keys.0', withRule({ resources: { keys: ['a/../b'] } }), '".."'],
  ['rules.0.obligations', withRule({ effect: 'EFFECT_OBLIGE' }), 'at least one'],
  [
    'rules.0.obligations',
    withRule({ effect: 'EFFECT_DENY', obligations: [{ hash: { fields: onSalary } }] }),
    'not with deny',
  ],
  [
    'rules.0.obligations',
    { rules: [{ ...oblige, obligations: many(17, () => ({ hash: { fields: onSalary } })) }] },
    'at most 16',
  ],
  ['rules.0.obligations.0', withObligation({}), 'says nothing'],
  ['rules.0.obligations.0.mask.fields', withObligation({ mask: {} }), 'names no field'],
  [
    'rules.0.obligations.0.mask.keepLast',
    withObligation({ mask: { fields: onSalary, keepLast: 9 } }),
    'at most 8',
  ],
  [
    'rules.0.obligations.0.drop.fields.pointers.0',
    withObligation({ drop: { fields: { pointers: ['salary'] } } }),
    'is not a JSON Pointer',
  ],
  [
    'rules.0.obligations.0.hash.fields.tags.0',
    withObligation({ hash: { fields: { tags: ['a b'] } } }),
    'is not a tag',
  ],
  [
    'rules.0.obligations.0.truncate.characters',
    withObligation({ truncate: { fields: onSalary, characters: 65537 } }),
    'at most 65536',
  ],
  ['rules.0.obligations.0.capAge.age', withObligation({ capAge: {} }), 'is not an age'],
  [
    'rules.0.obligations.0.capAge.age',
    withObligation({ capAge: { age: '0.5s' } }),
    'is not an age',
  ],
  [
    'rules.0.obligations.0.requirePurpose.purposes',
    withObligation({ requirePurpose: {} }),
    'is empty',
  ],
  ['rules.0.obligations.0.redact', withObligation({ redact: {} }), 'no detector and no pattern'],
  [
    'rules.0.obligations.0.redact.detectors.0',
    withObligation({ redact: { detectors: ['mood'] } }),
    'there is no detector "mood"; there are email',
  ],
  [
    'rules.0.obligations.0.redact.patterns.0.expression',
    withObligation({ redact: { patterns: [{ name: 'p', expression: '(?=a)' }] } }),
    'no expression of RE2',
  ],
  ['roles.0.name', { roles: [{ name: 'A' }] }, 'is not a name'],
  [
    'roles.0.attributes.clearance',
    { roles: [{ name: 'a', attributes: { clearance: 5 } }] },
    '0 to 4',
  ],
  ['roles.0.includes.0', { roles: [{ name: 'a', includes: ['a'] }] }, 'end the circle'],
  [
    'roles.2.includes.0',
    {
      roles: [
        { name: 'a', includes: ['b'] },
        { name: 'b', includes: ['c'] },
        { name: 'c', includes: ['a'] },
      ],
    },
    'end the circle',
  ],
] as [string, JsonObject, string][])('%s: a fault has its place', (path, manifest, text) => {
  const faults = faultsOf(manifest);
  expect(faults).toEqual([{ path: expect.any(Array), text: expect.stringContaining(text) }]);
  expect(faults[0]?.path.join('.')).toBe(path);
});

test('a fault of a condition tells the offset in it', () => {
  expect(faultsOf(withRule({ condition: 'true &&\n  user.name == "x"' }))).toEqual([
    {
      path: ['rules', 0, 'condition'],
      offset: 10,
      text: expect.stringContaining('"user" is not known here'),
    },
  ]);
});

test('more rules than there may be are one fault', () => {
  const rules = many(2001, (index) => ({ ...allow, name: `r${index}` }));
  expect(faultsOf({ rules })).toEqual([
    { path: ['rules'], text: 'has 2001 entries; at most 2000' },
  ]);
});

test('all faults are named at once', () => {
  const broken = { name: 'X', effect: 'EFFECT_UNSPECIFIED', condition: '1', actions: [] };
  expect(faultsOf({ rules: [broken] })).toHaveLength(4);
  expect(ruleFaults(create(PolicyManifestSchema))).toHaveLength(1);
});
