import type { Policy } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import type { SubjectFacts } from '../condition/scene.ts';
import type { ActionName, Cell, PolicyIndex, Subject } from '../model.ts';
import {
  cellUnits,
  createBudget,
  decisionUnits,
  keptSubjectUnits,
  spend,
  textUnits,
} from './budget.ts';
import { isGeneral } from './candidate.ts';
import { createCellMaker } from './cell.ts';
import type { IndexedRule } from './indexed-rule.ts';
import { createObligationSets } from './obligation-sets.ts';
import { indexPolicy, type Named, namesOf, type PolicyPart } from './policy-part.ts';
import { createRoleBook, type RoleBook } from './role-book.ts';
import { cellRulesMax } from './steps.ts';

/** What an index is made of, for the one that comes after it. */
interface Made {
  readonly parts: ReadonlyMap<string, PolicyPart>;
  readonly roles: RoleBook;
}

const made = new WeakMap<PolicyIndex, Made>();

/** Of all tenants: what a cell decides follows from its rules, and no two rules are taken for one. */
const cellBudget = createBudget(cellUnits);
const cells = createCellMaker(
  { budget: createBudget(decisionUnits), obligationSets: createObligationSets() },
  cellBudget,
);

/**
 * Makes the policies of one tenant ready to decide. Of the index before, what did not change is
 * taken over: the policies with the same hash, and the decisions that no change can have touched.
 * Never throws: a rule that cannot be used fails where it may apply, and so denies.
 */
export function indexPolicies(policies: Iterable<Policy>, before?: PolicyIndex): PolicyIndex {
  const old = before && made.get(before);
  const parts = new Map<string, PolicyPart>();
  for (const policy of policies) {
    const name = policy.manifest?.name ?? '';
    const held = old?.parts.get(name);
    parts.set(name, held && isSame(held.policy, policy) ? held : indexPolicy(policy));
  }
  const roles = old && sameRoles(old.parts, parts) ? old.roles : roleBookOf(parts);
  const index = createIndex({ parts, roles });
  made.set(index, { parts, roles });
  return index;
}

/** What is kept for a subject. */
interface SubjectCells {
  readonly subject: SubjectFacts;
  readonly names: Named;
  readonly byAction: Readonly<Record<ActionName, Map<string, Cell>>>;
  /** Of the types that no rule tells from others. */
  readonly general: Map<ActionName, Cell>;
}

function createIndex({ parts, roles }: Made): PolicyIndex {
  const list = [...parts.values()];
  let subjects = new Map<string, SubjectCells>();
  let { epoch } = cellBudget;

  const cellsOf = (subject: Subject): SubjectCells => {
    const held = subjects.get(subject.fingerprint);
    if (held) return held;
    const expanded = roles.expand(subject);
    const fresh = {
      ...{ subject: expanded, names: namesOf(expanded) },
      ...{ byAction: noCells(), general: new Map() },
    };
    spend(cellBudget, keptSubjectUnits);
    subjects.set(subject.fingerprint, fresh);
    return fresh;
  };

  const makeCell = (own: SubjectCells, action: ActionName, type: string): Cell => {
    const { subject, names, general } = own;
    const found = new Set<IndexedRule>();
    for (const part of list) {
      // More than that are not looked at, and need not be found.
      if (found.size <= cellRulesMax) part.find({ subject: names, action, type }, found);
    }
    const rules = [...found];
    if (rules.length > cellRulesMax || !rules.every(isGeneral)) {
      return cells.make({ subject, action, type }, rules);
    }
    spend(cellBudget, textUnits(type));
    const held = general.get(action) ?? cells.make({ subject, action, type }, rules);
    general.set(action, held);
    return held;
  };

  return {
    rules: list.reduce((sum, part) => sum + part.rules, 0),
    cell(subject, action, type) {
      if (epoch !== cellBudget.epoch) {
        subjects = new Map();
        epoch = cellBudget.epoch;
      }
      const held = subjects.get(subject.fingerprint)?.byAction[action].get(type);
      if (held) return held;
      const own = cellsOf(subject);
      const fresh = makeCell(own, action, type);
      own.byAction[action].set(type, fresh);
      return fresh;
    },
  };
}

function noCells(): SubjectCells['byAction'] {
  return {
    fetch: new Map(),
    list: new Map(),
    subscribe: new Map(),
    publish: new Map(),
    call: new Map(),
    administer: new Map(),
  };
}

/** Without a hash only the very same policy is the same. */
function isSame(a: Policy, b: Policy): boolean {
  return a === b || (a.manifestHash !== '' && a.manifestHash === b.manifestHash);
}

function sameRoles(
  before: ReadonlyMap<string, PolicyPart>,
  after: ReadonlyMap<string, PolicyPart>,
): boolean {
  const describing = (parts: ReadonlyMap<string, PolicyPart>) =>
    [...parts.values()].filter(({ policy }) => (policy.manifest?.roles.length ?? 0) > 0);
  const [a, b] = [describing(before), describing(after)];
  return a.length === b.length && a.every((part) => b.includes(part));
}

function roleBookOf(parts: ReadonlyMap<string, PolicyPart>): RoleBook {
  const sorted = [...parts.entries()].sort(([a], [b]) => (a < b ? -1 : 1));
  return createRoleBook(sorted.flatMap(([, { policy }]) => policy.manifest?.roles ?? []));
}
