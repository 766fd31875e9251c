import type { Policy, Subjects } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import type { SubjectFacts } from '../condition/scene.ts';
import type { ActionName } from '../model.ts';
import { type IndexedRule, indexRule, isAbout } from './indexed-rule.ts';
import { createPatternTable, fitsAny, type PatternTable } from './patterns.ts';

/** A subject, as parts are searched for it. */
export interface Named {
  readonly principal: string;
  readonly roles: ReadonlySet<string>;
  readonly groups: ReadonlySet<string>;
  /** By `atomsOf`. */
  readonly atoms: readonly string[];
}

/** The names of a subject. */
export function namesOf(subject: SubjectFacts): Named {
  const { principal, roles, groups } = subject;
  return { principal, roles: new Set(roles), groups: new Set(groups), atoms: atomsOf(subject) };
}

/** Who does what with which type, as parts are searched for it. */
export interface PartQuery {
  readonly subject: Named;
  readonly action: ActionName;
  readonly type: string;
}

/** One policy in the index. It never changes, and indexes share it. */
export interface PolicyPart {
  readonly policy: Policy;
  readonly rules: number;
  /** Adds the rules that name a subject, an action and a type. */
  find(query: PartQuery, into: Set<IndexedRule>): void;
}

/**
 * Indexes a policy. Each rule is filed once for each type and once for each name in its subjects,
 * never for pairs of them, so that the index grows with the document and no faster.
 */
export function indexPolicy(policy: Policy): PolicyPart {
  const name = policy.manifest?.name ?? '';
  const rules = (policy.manifest?.rules ?? []).map((rule) => indexRule(name, rule));
  const forAll = createPatternTable<IndexedRule>();
  const forSome = createPatternTable<IndexedRule>();
  const byAtom = new Map<string, IndexedRule[]>();
  for (const rule of rules) {
    const { subjects } = rule.source;
    fileByType(rule, subjects ? forSome : forAll);
    if (subjects) fileByAtom(rule, subjects, byAtom);
  }
  return {
    policy,
    rules: rules.length,
    find({ subject, action, type }, into) {
      const add = (rule: IndexedRule) => {
        if (isAbout(rule, action)) into.add(rule);
      };
      forAll.find(type, add);
      const { atoms } = subject;
      const lists = atoms.map((atom) => byAtom.get(atom)).filter((list) => list !== undefined);
      if (lists.length === 0) return;
      const named = lists.reduce((sum, list) => sum + list.length, 0);
      if (named <= forSome.count(type)) {
        for (const list of lists) {
          for (const rule of list) if (isAboutType(rule, type)) add(rule);
        }
      } else {
        forSome.find(type, (rule) => {
          if (namesSubject(rule.source.subjects, subject)) add(rule);
        });
      }
    },
  };
}

function fileByType(rule: IndexedRule, table: PatternTable<IndexedRule>): void {
  const types = rule.source.resources?.types ?? [];
  if (types.length === 0) table.add('*', rule);
  for (const type of types) table.add(type, rule);
}

function fileByAtom(rule: IndexedRule, subjects: Subjects, into: Map<string, IndexedRule[]>): void {
  for (const atom of atomsOf({ ...subjects, principal: undefined })) {
    const list = into.get(atom);
    if (list) list.push(rule);
    else into.set(atom, [rule]);
  }
}

/** The names that subjects are found by, each with a mark of what it names. */
export function atomsOf(of: {
  readonly principal?: string | undefined;
  readonly principals?: readonly string[];
  readonly roles: readonly string[];
  readonly groups: readonly string[];
}): string[] {
  const principals = of.principal === undefined ? (of.principals ?? []) : [of.principal];
  return [
    ...principals.map((name) => `p${name}`),
    ...of.roles.map((name) => `r${name}`),
    ...of.groups.map((name) => `g${name}`),
  ];
}

function isAboutType(rule: IndexedRule, type: string): boolean {
  const types = rule.source.resources?.types ?? [];
  return types.length === 0 || fitsAny(types, type);
}

function namesSubject(subjects: Subjects | undefined, subject: Named): boolean {
  if (!subjects) return true;
  return (
    subjects.principals.includes(subject.principal) ||
    subjects.roles.some((role) => subject.roles.has(role)) ||
    subjects.groups.some((group) => subject.groups.has(group))
  );
}
