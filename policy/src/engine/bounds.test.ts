import { describe, expect, test } from 'vitest';
import { createBudget } from './budget.ts';
import { createCellMaker } from './cell.ts';
import { indexPolicies } from './index-policies.ts';
import { indexRule } from './indexed-rule.ts';
import { levelTextMax } from './memo-levels.ts';
import { createObligationSets, setMax } from './obligation-sets.ts';
import { factsOf, itemOf, policyOf, subjectOf } from './policies.fixture.ts';
import { createRoleBook } from './role-book.ts';
import { cellRulesMax } from './steps.ts';

const resource = { key: 'k', provider: 'sql' };
const facts = factsOf();

describe('what would keep everybody waiting is denied', () => {
  const some = (count: number, more: object = {}) =>
    policyOf(Array.from({ length: count }, () => ({ ...more })));

  test('more rules about everything than are looked at', () => {
    const most = indexPolicies([some(cellRulesMax)]);
    expect(
      most.cell(subjectOf(), 'fetch', 'Metric').decide(facts, resource, itemOf()),
    ).toMatchObject({ effect: 'allow' });
    const more = indexPolicies([some(cellRulesMax + 1)]);
    const cell = more.cell(subjectOf(), 'fetch', 'Metric');
    expect(cell.visible).toBe(false);
    const { effect, failed } = cell.decide(facts, resource, itemOf());
    expect(effect).toBe('deny');
    expect(failed).toContain(`more than ${cellRulesMax} rules`);
    const others = indexPolicies([some(cellRulesMax + 1, { resources: { types: ['LogEntry'] } })]);
    const other = others.cell(subjectOf(), 'fetch', 'Metric');
    expect(other.decide(facts, resource, itemOf()).failed).toBeUndefined();
  });

  test.each([
    ['matches', 'resource.key.matches("^[a-z]{20}x$")', 100],
    ['loops', 'subject.groups.exists(g, resource.key.startsWith(g + "/") && g != "x")', 20],
    ['loops through lists', 'subject.groups.exists(g, g in subject.attributes.more)', 1],
    ['texts in texts', 'resource.owner.contains(subject.attributes.long)', 20],
  ])('conditions that take too long together: %s', (_, condition, count) => {
    const rules = Array.from({ length: count }, (_, i) => ({
      condition: `${condition} || resource.key == "k${i}"`,
    }));
    const many = Array.from({ length: 1000 }, (_, i) => `g${i}`);
    const large = { groups: many, more: many, long: 'x'.repeat(4096) };
    const index = indexPolicies([policyOf(rules)]);
    const decided = (attributes: typeof large) =>
      index
        .cell(subjectOf(attributes), 'fetch', 'Metric')
        .decide(facts, { ...resource, key: 'k0' }, itemOf());
    if (condition.includes('matches')) {
      expect(decided(large).failed).toContain('steps');
      return;
    }
    expect(decided({ groups: ['a'], more: ['a'], long: 'x' }).effect).toBe('allow');
    expect(decided(large)).toMatchObject({ effect: 'deny' });
    expect(decided(large).failed).toContain('steps');
  });

  test('an item whose texts are longer than rules may read', () => {
    const index = indexPolicies([policyOf([{ condition: 'resource.owner != "nobody"' }])]);
    const cell = index.cell(subjectOf(), 'fetch', 'Metric');
    const decided = (chars: number) =>
      cell.decide(facts, resource, itemOf({ owner: 'x'.repeat(chars) }));
    expect(decided(levelTextMax).effect).toBe('allow');
    expect(decided(levelTextMax + 1)).toMatchObject({ effect: 'deny' });
    expect(decided(levelTextMax + 1).failed).toContain('longer than');
  });
});

test('obligations of which too many meet', () => {
  const dropping = (count: number) =>
    indexPolicies([
      policyOf(
        Array.from({ length: count }, (_, i) => ({
          obligations: [{ drop: { fields: { pointers: [`/f${i}`] } } }],
        })),
      ),
    ]);
  const decided = (count: number) =>
    dropping(count).cell(subjectOf(), 'fetch', 'Metric').decide(facts, resource, itemOf());
  expect(decided(setMax).obligations.list).toHaveLength(setMax);
  expect(decided(setMax + 1)).toMatchObject({ effect: 'deny', obligations: { id: '' } });
  expect(decided(setMax + 1).failed).toContain('obligations meet');
});

describe('types that no rule tells apart', () => {
  const index = (...rules: Parameters<typeof policyOf>[0]) => indexPolicies([policyOf(rules)]);

  test('are decided on once', () => {
    const general = index(
      { condition: 'resource.key == "k"' },
      { resources: { types: ['Metric'] } },
    );
    const subject = subjectOf();
    const cell = general.cell(subject, 'fetch', 'A');
    expect(general.cell(subject, 'fetch', 'B')).toBe(cell);
    expect(general.cell(subject, 'list', 'B')).not.toBe(cell);
    expect(general.cell(subject, 'fetch', 'Metric')).not.toBe(cell);
    expect(general.cell(subjectOf({}, 'user:hu'), 'fetch', 'B')).not.toBe(cell);
  });

  test('but not where a condition reads the type', () => {
    const told = index({ condition: 'resource.type == "A" && resource.key == "k"' });
    const effects = ['B', 'A', 'C'].map(
      (type) => told.cell(subjectOf(), 'fetch', type).decide(facts, resource, itemOf()).effect,
    );
    expect(effects).toEqual(['deny', 'allow', 'deny']);
  });
});

test('what is remembered counts by what it takes', () => {
  const [decisions, cells] = [createBudget(100_000), createBudget(100_000)];
  const obligationSets = createObligationSets();
  const maker = createCellMaker({ budget: decisions, obligationSets }, cells);
  const condition = 'resource.owner != subject.principal || resource.key == "k"';
  const rules = (policyOf([{ condition }]).manifest?.rules ?? []).map((r) => indexRule('m', r));
  const book = createRoleBook([]);
  const cellOf = (principal: string) =>
    maker.make(
      { subject: book.expand(subjectOf({}, principal)), action: 'fetch', type: 'T' },
      rules,
    );
  const spent = (budget: typeof cells, work: () => void) => {
    const { left } = budget;
    work();
    return left - budget.left;
  };
  const first = cellOf('user:lin');
  // What decides is made anew for each principal, with an enforcer of its own: about 8 KB.
  expect(spent(cells, () => cellOf('user:hu'))).toBeGreaterThan(40);
  const decide = (key: string, owner: string) =>
    spent(decisions, () => void first.decide(facts, { ...resource, key }, itemOf({ owner })));
  decide('a', 'a');
  expect(decide('b', 'b')).toBeLessThan(10);
  expect(decide('b'.repeat(1000), 'b')).toBeGreaterThan(10);
  expect(decide('b', 'b'.repeat(10_000))).toBeGreaterThan(100);
  expect(decide('b', 'b'.repeat(levelTextMax + 1))).toBe(0);
});
