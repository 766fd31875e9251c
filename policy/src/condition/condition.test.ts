import fc from 'fast-check';
import { expect, test } from 'vitest';
import { conditionFault } from './condition.ts';

const long = (text: string, count: number) => Array(count).fill(text).join(' && ');

test.each([
  'true',
  'subject.clearance >= resource.sensitivity',
  'resource.sensitivity <= CONFIDENTIAL && action == "fetch"',
  'has(resource.labels.team) && resource.labels.team == subject.project',
  '"pii" in resource.labels || resource.labels["data-class"] == "open"',
  'subject.roles.exists(role, role.startsWith("hr-")) && hasRole("admin")',
  'subject.attributes.site.floor == 3 || subject.attributes["a b"] == "c"',
  'between("22:00", "06:00", "Asia/Taipei") && weekday("UTC") < 6',
  'before("2027-01-31T18:00:00+08:00") || after("2028-02-29T00:00:00Z")',
  'inNetwork(environment.network, "2001:db8::/32")',
  'resource.key.matches("^hr/[0-9]{4}$")',
  'size(subject.groups) > 0 ? subject.tier == "gold" : environment.strength >= 2',
])('%s is a condition', (condition) => {
  expect(conditionFault(condition)).toBeUndefined();
});

test.each([
  ['1 +', 3, 'unexpected token'],
  ['subject.clearance', 0, 'is a int, and not true or false'],
  ['subject.attributes.flag', 0, 'is a dyn, and not true or false'],
  ['subject.clearence > 1', 8, 'subject has no field "clearence"; there are tenant'],
  ['resource.labels.a.b == "c"', 18, 'cannot index type'],
  ['subject.clearance == "high"', 0, 'no such overload: int == string'],
  ['true && subject', 8, 'name a field, as subject.tenant'],
  ['true &&\n  user.name == "x"', 10, '"user" is not known here'],
  ['resource[subject.tier] == "a"', 9, 'resource has no such field'],
  ['now() > 1', 0, 'there is no function "now" here'],
  ['timestamp("2027-01-01T00:00:00Z") == timestamp(1)', 0, 'no function "timestamp"'],
  ['between("9:00", "18:00", "UTC")', 8, '"9:00" is not a time of day'],
  ['between("09:00", "09:00", "UTC")', 8, 'both times are the same'],
  ['weekday("Asia/Taipeh") == 1', 8, '"Asia/Taipeh" is no time zone'],
  ['between(subject.tier, "18:00", "UTC")', 16, 'written out in quotes'],
  ['before("2027-02-30T00:00:00Z")', 7, 'is not a time'],
  ['inNetwork(environment.network, "10.0.0.0/33")', 31, 'is no network'],
  ['inNetwork(subject.clearance, "10.0.0.0/8")', 18, 'give it a text'],
  ['resource.key.matches(subject.tier)', 21, 'write the pattern out'],
  ['resource.key.matches("(")', 21, 'missing closing'],
  ['resource.key.matches("[^a]{1000}")', 21, 'too costly'],
  ['resource.key.matches("(a{10}){20}")', 21, 'too costly'],
  ['subject.roles.exists(subject, true)', 21, '"subject" has a meaning already'],
  ['subject.roles.exists(nowMs, between("09:00", "10:00", "UTC"))', 21, 'has a meaning already'],
])('%s is none', (condition, offset, text) => {
  expect(conditionFault(condition)).toEqual({ offset, text: expect.stringContaining(text) });
});

test.each([
  ['a text that is too long', `${long('subject.tier == "a"', 100)} && ${' '.repeat(2048)}true`],
  ['many operands', long('true', 200)],
  ['deep brackets', `${'('.repeat(500)}true${')'.repeat(500)}`],
  ['many negations', `${'!'.repeat(2000)}true`],
  ['deep choices', `${'true ? '.repeat(200)}true${' : true'.repeat(200)}`],
  ['a long list', `1 in [${Array(200).fill('1').join()}]`],
  ['loops within loops', 'subject.roles.exists(a, subject.roles.exists(b, a != b))'],
  ['many loops', long('subject.roles.all(r, r != "x")', 5)],
  ['a pattern for each of a list', 'subject.roles.exists(r, r.matches("a"))'],
  ['many patterns', long('resource.key.matches("a")', 5)],
  ['texts that double', 'cel.bind(a, "xx" + "xx", cel.bind(b, a + a, b + b == a))'],
  ['lists that multiply', 'resource.key.split("").map(c, resource.key).join() == ""'],
  ['lists that are mapped', 'subject.roles.map(r, r + r) == subject.roles'],
  ['lists that are filtered', 'subject.roles.filter(r, true) == subject.roles'],
  ['maps', '{"a": 1}.a == 1'],
  ['bytes', 'b"a" == b"a"'],
  ['types that are hidden', 'dyn(resource.key) == 1'],
  ['prototypes', 'resource.constructor == 1'],
  ['what the engine calls its own', 'resource.key.matchesInLinearTime("(a+)+$")'],
  ['half a surrogate pair', 'subject.tier == "\ud800"'],
])('%s are refused', (_name, condition) => {
  expect(conditionFault(condition)).toBeDefined();
});

test('nothing that can be written makes the check throw', () => {
  const words = ['subject', 'resource', '.', 'roles', 'labels', '(', ')', '[', ']', '"', '&&', '!'];
  const more = [
    'exists',
    'matches',
    'has',
    ',',
    'r',
    '"a"',
    '1',
    '==',
    'in',
    '?',
    ':',
    'between',
    '{',
  ];
  const condition = fc.oneof(
    fc.string(),
    fc.array(fc.constantFrom(...words, ...more), { maxLength: 40 }).map((list) => list.join('')),
  );
  fc.assert(
    fc.property(condition, (text) => {
      const fault = conditionFault(text);
      if (!fault) return;
      expect(fault.text).not.toBe('');
      expect(fault.text).not.toContain('\n');
      expect(fault.offset).toBeGreaterThanOrEqual(0);
      expect(fault.offset).toBeLessThanOrEqual(text.length);
    }),
    { numRuns: 3000, seed: 4 },
  );
});
