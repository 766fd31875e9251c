import { create } from '@bufbuild/protobuf';
import { Sensitivity } from '@weir/sdk/gen/weir/context/v1/context_pb';
import {
  Effect,
  type Policy,
  PolicyManifestSchema,
  PolicySchema,
} from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import { expect, test } from 'vitest';
import { indexPolicies } from '../engine/index-policies.ts';
import { noObligations } from '../engine/obligation-sets.ts';
import type { Cell, PolicyIndex } from '../model.ts';
import { compareWithReference, type Indexer } from './equivalence.ts';

// P20 in small; `npm run policy:equivalence -- --cases 1000000` is the whole of it.

const size = { cases: 5000, largeCases: 8, seed: 20 };

test('the engine equals the reference', async () => {
  const told: string[] = [];
  const report = await compareWithReference({
    ...size,
    indexer: indexPolicies,
    onDisagreement: (text) => told.push(text),
  });
  expect(told).toEqual([]);
  expect(report.disagreements).toBe(0);
  expect(report.cases).toBe(size.cases);
  expect(report.largeCases).toBe(size.largeCases);
  // A comparison of nothing but denials would prove little.
  expect(report.allowed).toBeGreaterThan(size.cases / 5);
  expect(report.denied).toBeGreaterThan(size.cases / 5);
  expect(report.failed).toBeGreaterThan(size.cases / 50);
  expect(report.obliged).toBeGreaterThan(size.cases / 10);
  expect(report.conditional).toBeGreaterThan(size.cases / 10);
});

/** An engine whose cells decide in another way. */
function withCells(change: (cell: Cell) => Cell): Indexer {
  return (policies, before) => {
    const index = indexPolicies(policies, before && inner.get(before));
    const changed: PolicyIndex = {
      rules: index.rules,
      cell: (subject, action, type) => change(index.cell(subject, action, type)),
    };
    inner.set(changed, index);
    return changed;
  };
}
const inner = new WeakMap<PolicyIndex, PolicyIndex>();

function withRules(keep: (effect: Effect) => boolean): Indexer {
  return (policies) => indexPolicies(policies.map((policy) => onlyRules(policy, keep)));
}

function onlyRules({ manifest }: Policy, keep: (effect: Effect) => boolean): Policy {
  const rules = manifest?.rules.filter(({ effect }) => keep(effect)) ?? [];
  return create(PolicySchema, {
    manifest: create(PolicyManifestSchema, {
      name: manifest?.name ?? '',
      roles: manifest?.roles ?? [],
      rules,
    }),
  });
}

const firstTimes = new WeakMap<object, number>();

const planted: Readonly<Record<string, Indexer>> = {
  'forgets what denies': withRules((effect) => effect !== Effect.DENY),
  'forgets what obliges': withRules((effect) => effect !== Effect.OBLIGE),
  'keeps its first index': (policies, before) => before ?? indexPolicies(policies),
  'has its clock standing still': withCells((cell) => ({
    ...cell,
    decide(facts, resource, item) {
      const nowMs = firstTimes.get(cell) ?? facts.nowMs;
      firstTimes.set(cell, nowMs);
      return cell.decide({ ...facts, nowMs }, resource, item);
    },
  })),
  'never looks at labels': withCells((cell) => ({
    ...cell,
    decide: (facts, resource, item) =>
      cell.decide(facts, resource, item && { ...item, labels: {} }),
  })),
  'allows what is open': withCells((cell) => ({
    ...cell,
    decide(facts, resource, item) {
      const open = { sensitivity: Sensitivity.PUBLIC, labels: {}, owner: '' };
      return cell.decide(facts, resource, item ?? open);
    },
  })),
  'allows what cannot be evaluated': withCells((cell) => ({
    ...cell,
    decide(facts, resource, item) {
      const verdict = cell.decide(facts, resource, item);
      return verdict.failed === undefined ? verdict : { ...verdict, effect: 'allow' };
    },
  })),
  'loses obligations': withCells((cell) => ({
    ...cell,
    decide(facts, resource, item) {
      return { ...cell.decide(facts, resource, item), obligations: noObligations };
    },
  })),
  'hides what it allows': withCells((cell) => ({ ...cell, visible: false })),
};

test.each(Object.entries(planted))('an engine that %s is found out', async (_name, indexer) => {
  const report = await compareWithReference({ cases: 1500, largeCases: 0, seed: 20, indexer });
  expect(report.disagreements).toBeGreaterThan(0);
});

test('the same seed makes the same cases', async () => {
  const run = () =>
    compareWithReference({ cases: 300, largeCases: 0, seed: 7, indexer: indexPolicies });
  expect(await run()).toEqual(await run());
});
