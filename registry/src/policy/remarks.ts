import { create } from '@bufbuild/protobuf';
import type { Caller } from '@weir/kit';
import {
  Effect,
  type Policy,
  type Rule,
  type Subjects,
} from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import { type PolicyRemark, PolicyRemarkSchema } from '@weir/sdk/gen/weir/policy/v1/service_pb';
import type { Reader } from '../store/store.ts';
import { overrules } from './coverage.ts';
import type { Drafts } from './drafts.ts';
import { type KnownSubjects, knownSubjects } from './known-subjects.ts';
import { lockOutText } from './way-back.ts';

/** How many remarks are made at most. */
const REMARKS_MAX = 100;
/** How many pairs of names and patterns are compared at most; of more nothing is said. */
const COMPARED_MAX = 20_000_000;

/** A rule with the policy that it is in. */
interface Named {
  readonly policy: string;
  readonly rule: Rule;
}

/** What is no fault of the policies that are tried but looks like one. */
export async function policyRemarks(
  reader: Reader,
  drafts: Drafts,
  { caller, nowMs }: { readonly caller: Caller; readonly nowMs: number },
): Promise<PolicyRemark[]> {
  const known = await knownSubjects(reader, drafts.tenant, drafts.all);
  const rules = drafts.given.flatMap(rulesOf);
  const lockOut = await lockOutText(reader, { caller, nowMs, after: drafts.all });
  const remarks = [
    ...lockOutOf(drafts, lockOut),
    ...(known ? rules.flatMap((named) => unknownSubjects(named, known)) : []),
    ...overruledAmong(rules, drafts.all.flatMap(rulesOf)),
  ];
  return remarks.slice(0, REMARKS_MAX);
}

function lockOutOf({ given }: Drafts, text: string | undefined): PolicyRemark[] {
  const policy = given[0]?.manifest?.name;
  if (policy === undefined || text === undefined) return [];
  return [create(PolicyRemarkSchema, { policy, text })];
}

function rulesOf({ manifest }: Policy): Named[] {
  return manifest?.rules.map((rule) => ({ policy: manifest.name, rule })) ?? [];
}

function unknownSubjects({ policy, rule }: Named, known: KnownSubjects): PolicyRemark[] {
  const { principals = [], roles = [] }: Partial<Subjects> = rule.subjects ?? {};
  return [
    ...principals
      .filter((name) => !known.principals.has(name))
      .map((name) => `there is no principal ${name}`),
    ...roles
      .filter((role) => !known.roles.has(role))
      .map((role) => `no principal has the role ${role}`),
  ].map((text) => create(PolicyRemarkSchema, { policy, rule: rule.name, text }));
}

function overruledAmong(rules: readonly Named[], all: readonly Named[]): PolicyRemark[] {
  const allowing = rules.filter(({ rule }) => rule.effect === Effect.ALLOW);
  const denying = all.filter(({ rule }) => rule.effect === Effect.DENY && rule.condition === '');
  if (sizeOf(allowing) * sizeOf(denying) > COMPARED_MAX) return [];
  return allowing.flatMap(({ policy, rule }) => {
    const over = denying.find((other) => overrules(other.rule, rule));
    if (!over) return [];
    const text = `never allows anything: ${over.policy}/${over.rule.name} denies all of it`;
    return [create(PolicyRemarkSchema, { policy, rule: rule.name, text })];
  });
}

/** How many names and patterns rules hold, and so how much there is to compare. */
function sizeOf(rules: readonly Named[]): number {
  return rules.reduce((sum, { rule: { subjects, resources } }) => {
    const lists = [subjects?.principals, subjects?.roles, subjects?.groups];
    const patterns = [resources?.types, resources?.providers, resources?.keys];
    return [...lists, ...patterns].reduce((size, list) => size + (list?.length ?? 0), sum + 1);
  }, 0);
}
