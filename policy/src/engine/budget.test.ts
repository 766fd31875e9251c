import { expect, test } from 'vitest';
import { createBudget } from './budget.ts';
import { createCellMaker } from './cell.ts';
import { indexRule } from './indexed-rule.ts';
import { createObligationSets } from './obligation-sets.ts';
import { factsOf, policyOf, subjectOf } from './policies.fixture.ts';
import { createRoleBook } from './role-book.ts';

test('what is forgotten since too much was remembered is decided again as before', () => {
  const { manifest } = policyOf([
    { condition: 'subject.purpose == "p7"', resources: { keys: ['k1', 'k2*', 'k3'] } },
    { condition: 'resource.key == "k5"' },
  ]);
  const rules = (manifest?.rules ?? []).map((rule) => indexRule('main', rule));
  const budget = createBudget(50);
  const cellBudget = createBudget(2);
  const maker = createCellMaker({ budget, obligationSets: createObligationSets() }, cellBudget);
  const subject = createRoleBook([]).expand(subjectOf());
  for (let round = 0; round < 3; round += 1) {
    for (let index = 0; index < 200; index += 1) {
      const [key, purpose] = [`k${index % 7}`, `p${index % 11}`];
      const type = `T${index % 5}`;
      const cell = maker.make({ subject, action: 'fetch', type }, rules);
      const allowed = key === 'k5' || (['k1', 'k2', 'k3'].includes(key) && purpose === 'p7');
      const verdict = cell.decide(factsOf({ purpose }), { key, provider: 'sql' }, undefined);
      expect(verdict.effect).toBe(allowed ? 'allow' : 'deny');
    }
  }
  expect(budget.epoch).toBeGreaterThan(3);
  expect(cellBudget.epoch).toBeGreaterThan(3);
});

test('what is small enough is remembered', () => {
  const budget = createBudget(1000);
  const maker = createCellMaker(
    { budget, obligationSets: createObligationSets() },
    createBudget(1000),
  );
  const { manifest } = policyOf([{ condition: 'subject.purpose == "a"' }]);
  const rules = (manifest?.rules ?? []).map((rule) => indexRule('main', rule));
  const subject = createRoleBook([]).expand(subjectOf());
  const cell = maker.make({ subject, action: 'fetch', type: 'Metric' }, rules);
  const decide = () =>
    cell.decide(factsOf({ purpose: 'a' }), { key: 'k', provider: 'p' }, undefined);
  const first = decide();
  const { left } = budget;
  expect(decide()).toBe(first);
  expect(budget.left).toBe(left);
});
