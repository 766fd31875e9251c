import {
  Action,
  Effect,
  type PolicyManifest,
  type Resources,
  type Role,
  type Rule,
  type Subjects,
} from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import { conditionFault } from '../condition/condition.ts';
import { clearanceMax } from '../subject.ts';
import { checkCount, type FaultPath, quoted, type Report, type RuleFault } from './fault.ts';
import {
  foreignFault,
  keyPatternFault,
  nameFault,
  principalFault,
  providerPatternFault,
  typePatternFault,
} from './names.ts';
import { checkList, checkObligation } from './obligation-faults.ts';

/** How many rules one policy may have. */
export const rulesMax = 2000;
/** How many roles one policy may describe. */
export const rolesMax = 500;
/** How many roles one role may include. */
export const includesMax = 50;
/** How many entries one list of a rule's subjects or resources may have. */
export const entriesMax = 100;
/** How many obligations one rule may have. */
export const obligationsMax = 16;

/**
 * Every fault in what a policy means, with its place in the policy's JSON form; empty when there is
 * none. That a text is no number and the like is found before, by the reading of the form.
 */
export function ruleFaults(manifest: PolicyManifest): readonly RuleFault[] {
  const faults: RuleFault[] = [];
  const report: Report = (path, text, offset) => {
    faults.push(offset === undefined ? { path, text } : { path, text, offset });
  };
  checkName(manifest.name, ['name'], { faultOf: nameFault, report });
  checkCount(manifest.roles, { min: 0, max: rolesMax }, (text) => report(['roles'], text));
  checkCount(manifest.rules, { min: 0, max: rulesMax }, (text) => report(['rules'], text));
  checkUnique(manifest.roles, 'roles', report);
  checkUnique(manifest.rules, 'rules', report);
  for (const [index, role] of manifest.roles.entries()) checkRole(role, ['roles', index], report);
  checkCycles(manifest.roles, report);
  for (const [index, rule] of manifest.rules.entries()) {
    checkRule(rule, ['rules', index], report);
  }
  return faults;
}

function checkName(
  name: string,
  path: FaultPath,
  { faultOf, report }: { faultOf: (text: string) => string | undefined; report: Report },
): void {
  const text = faultOf(name);
  if (text !== undefined) report(path, text);
}

function checkUnique(
  list: readonly { readonly name: string }[],
  field: string,
  report: Report,
): void {
  const seen = new Set<string>();
  for (const [index, { name }] of list.entries()) {
    if (seen.has(name))
      report([field, index, 'name'], `${quoted(name)} is there twice; rename one`);
    seen.add(name);
  }
}

function checkRole(role: Role, path: FaultPath, report: Report): void {
  checkName(role.name, [...path, 'name'], { faultOf: principalFault, report });
  const includes = { path: [...path, 'includes'], bounds: { min: 0, max: includesMax }, report };
  checkList(role.includes, principalFault, includes);
  const clearance = role.attributes?.clearance ?? 0;
  if (clearance < 0 || clearance > clearanceMax) {
    report([...path, 'attributes', 'clearance'], `must be 0 to ${clearanceMax}`);
  }
}

/** Reports each role that includes itself, once for each cycle. */
function checkCycles(roles: readonly Role[], report: Report): void {
  const byName = new Map(roles.map((role, index) => [role.name, { role, index }]));
  const state = new Map<string, 'open' | 'done'>();
  const visit = (name: string): void => {
    const found = byName.get(name);
    if (!found || state.get(name) === 'done') return;
    state.set(name, 'open');
    for (const [step, included] of found.role.includes.entries()) {
      if (state.get(included) === 'open') {
        const path = ['roles', found.index, 'includes', step];
        report(path, `${quoted(included)} includes ${quoted(name)} in turn; end the circle`);
      } else visit(included);
    }
    state.set(name, 'done');
  };
  for (const role of roles) visit(role.name);
}

function checkRule(rule: Rule, path: FaultPath, report: Report): void {
  checkName(rule.name, [...path, 'name'], { faultOf: nameFault, report });
  checkEffect(rule, path, report);
  checkActions(rule.actions, [...path, 'actions'], report);
  if (rule.subjects) checkSubjects(rule.subjects, [...path, 'subjects'], report);
  if (rule.resources) checkResources(rule.resources, [...path, 'resources'], report);
  const condition = rule.condition === '' ? undefined : conditionFault(rule.condition);
  if (condition) report([...path, 'condition'], condition.text, condition.offset);
  const obligations = [...path, 'obligations'];
  const bounds = { min: 0, max: obligationsMax };
  checkCount(rule.obligations, bounds, (text) => report(obligations, text));
  for (const [index, one] of rule.obligations.entries()) {
    checkObligation(one, [...obligations, index], report);
  }
}

function checkEffect({ effect, obligations }: Rule, path: FaultPath, report: Report): void {
  if (effect < Effect.ALLOW || effect > Effect.OBLIGE) {
    report([...path, 'effect'], 'is not stated; use allow, deny or oblige');
  }
  if (effect === Effect.DENY && obligations.length > 0) {
    report([...path, 'obligations'], 'not with deny, since nothing is given; leave it out');
  }
  if (effect === Effect.OBLIGE && obligations.length === 0) {
    report([...path, 'obligations'], 'is empty; with oblige give at least one');
  }
}

function checkActions(actions: readonly Action[], path: FaultPath, report: Report): void {
  checkCount(actions, { min: 1, max: 7 }, (text) => report(path, text));
  for (const [index, action] of actions.entries()) {
    if (action >= Action.FETCH && action <= Action.PUBLISH) continue;
    const text = 'is no action; use fetch, list, subscribe, publish, call, administer or any';
    report([...path, index], text);
  }
}

function checkSubjects(subjects: Subjects, path: FaultPath, report: Report): void {
  const { principals, roles, groups } = subjects;
  if (principals.length + roles.length + groups.length === 0) {
    report(path, 'names nobody; leave it out for every principal, or name some');
  }
  const bounds = { min: 0, max: entriesMax };
  checkList(principals, principalFault, { path: [...path, 'principals'], bounds, report });
  checkList(roles, foreignFault, { path: [...path, 'roles'], bounds, report });
  checkList(groups, foreignFault, { path: [...path, 'groups'], bounds, report });
}

function checkResources(resources: Resources, path: FaultPath, report: Report): void {
  const { types, providers, keys } = resources;
  const bounds = { min: 0, max: entriesMax };
  checkList(types, typePatternFault, { path: [...path, 'types'], bounds, report });
  checkList(providers, providerPatternFault, { path: [...path, 'providers'], bounds, report });
  checkList(keys, keyPatternFault, { path: [...path, 'keys'], bounds, report });
}
