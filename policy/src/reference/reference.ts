import { type JsonValue, toJson } from '@bufbuild/protobuf';
import {
  Action,
  Effect,
  type Obligation,
  ObligationSchema,
  type Policy,
  type Role,
  type Rule,
} from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import { type Enforcer, newEnforcer, newModelFromString } from 'casbin';
import type { ActionName } from '../model.ts';
import { holdsInReference } from './reference-conditions.ts';
import type { ReferenceFacts, ReferenceRequest, ReferenceVerdict } from './reference-model.ts';

// What the engine is held to (P20): plain Casbin over all rules of the tenant for the effect, and
// an interpreter for the obligations that reads the contract as it stands. No index, no cells, no
// memo, nothing taken over from one decision to the next, and no code of the engine.

const model = `
[request_definition]
r = request

[policy_definition]
p = rule, eft

[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))

[matchers]
m = isSubject(r.request, p.rule) && isAction(r.request, p.rule) && isResource(r.request, p.rule) && holds(r.request, p.rule)
`;

/** Decides as the contract says, slowly. */
export interface Reference {
  decide(request: ReferenceRequest): ReferenceVerdict;
}

/** Plain Casbin over all rules: one enforcer, one matcher. */
export interface PlainCasbin {
  /** Whether it is allowed; what cannot be evaluated is not. */
  allows(request: ReferenceRequest): boolean;
}

interface NamedRule {
  readonly name: string;
  readonly rule: Rule;
}

interface Asked {
  readonly request: ReferenceRequest;
  readonly facts: ReferenceFacts;
}

/** Makes the reference for the policies of a tenant. */
export async function createReference(policies: readonly Policy[]): Promise<Reference> {
  const rules = rulesOf(policies);
  const roles = rolesOf(policies);
  const casbin = await createPlainCasbin(policies);
  return {
    decide(request) {
      const interpreted = interpret(rules, { request, facts: factsOf(request, roles) });
      return { ...interpreted, effect: casbin.allows(request) ? 'allow' : 'deny' };
    },
  };
}

/** Makes plain Casbin over the policies of a tenant. */
export async function createPlainCasbin(policies: readonly Policy[]): Promise<PlainCasbin> {
  const roles = rolesOf(policies);
  const enforcer = await enforcerOver(rulesOf(policies));
  return {
    allows(request) {
      try {
        return enforcer.enforceSync({ request, facts: factsOf(request, roles) });
      } catch {
        return false;
      }
    },
  };
}

function rulesOf(policies: readonly Policy[]): readonly NamedRule[] {
  return policies.flatMap(({ manifest }) =>
    (manifest?.rules ?? []).map((rule) => ({ name: `${manifest?.name}/${rule.name}`, rule })),
  );
}

function rolesOf(policies: readonly Policy[]): readonly Role[] {
  const nameOf = ({ manifest }: Policy) => manifest?.name ?? '';
  const sorted = policies.toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
  return sorted.flatMap(({ manifest }) => manifest?.roles ?? []);
}

async function enforcerOver(rules: readonly NamedRule[]): Promise<Enforcer> {
  const byName = new Map(rules.map((one) => [one.name, one.rule]));
  const enforcer = await newEnforcer(newModelFromString(model));
  const add = (name: string, test: (asked: Asked, rule: Rule) => boolean) =>
    enforcer.addFunction(name, (asked: Asked, rule: string) => {
      const found = byName.get(rule);
      return found !== undefined && test(asked, found);
    });
  await add('isSubject', isSubject);
  await add('isAction', isAction);
  await add('isResource', isResource);
  await add('holds', ({ facts }, rule) => holdsInReference(rule.condition, facts));
  const rows = rules.map(({ name, rule }) => [name, effectWords[rule.effect] ?? 'none']);
  await enforcer.addPolicies(rows);
  return enforcer;
}

function interpret(rules: readonly NamedRule[], asked: Asked): Omit<ReferenceVerdict, 'effect'> {
  const applying: NamedRule[] = [];
  let failed = false;
  let readsItem = false;
  for (const one of rules) {
    const { rule } = one;
    if (!isSubject(asked, rule) || !isAction(asked, rule) || !isResource(asked, rule)) continue;
    if (/resource\.(sensitivity|labels|owner)/.test(rule.condition)) readsItem = true;
    try {
      if (holdsInReference(rule.condition, asked.facts)) applying.push(one);
    } catch {
      failed = true;
    }
  }
  const denying = applying.filter(({ rule }) => rule.effect === Effect.DENY);
  const allows = applying.some(({ rule }) => rule.effect === Effect.ALLOW);
  if (failed || denying.length > 0 || !allows) {
    return { ...withObligations([]), rules: namesOf(denying), failed, readsItem };
  }
  const obligations = applying.flatMap(({ rule }) => rule.obligations);
  return { ...withObligations(obligations), rules: namesOf(applying), failed, readsItem };
}

function withObligations(list: readonly Obligation[]) {
  const ages: number[] = [];
  const purposes = new Set<string>();
  let changesValues = false;
  for (const { kind } of list) {
    if (kind.case === 'capAge') ages.push(Number(kind.value.age?.seconds ?? 0n) * 1000);
    else if (kind.case === 'requirePurpose') {
      purposes.add(JSON.stringify([...new Set(kind.value.purposes)].sort()));
    } else changesValues = true;
  }
  return {
    obligations: [...new Set(list.map(obligationText))].sort(),
    maxAgeMs: ages.length === 0 ? undefined : ages.reduce((a, b) => (a < b ? a : b)),
    purposes: [...purposes].sort(),
    changesValues,
  };
}

/** An obligation as a text in which order means nothing: its lists are all sets. */
export function obligationText(obligation: Obligation): string {
  const plain = (value: JsonValue | undefined): unknown => {
    if (Array.isArray(value)) {
      return [...new Set(value.map((one) => JSON.stringify(plain(one))))].sort();
    }
    if (value === null || typeof value !== 'object') return value;
    const names = Object.keys(value).sort();
    return names.map((name) => [name, plain(value[name])]);
  };
  return JSON.stringify(plain(toJson(ObligationSchema, obligation)));
}

function namesOf(rules: readonly NamedRule[]): readonly string[] {
  return rules.map(({ name }) => name).sort();
}

function isSubject({ facts }: Asked, { subjects }: Rule): boolean {
  if (!subjects) return true;
  const { principal, roles, groups } = facts.variables.subject;
  for (const name of subjects.principals) if (name === principal) return true;
  for (const role of subjects.roles) if (roles.includes(role)) return true;
  for (const group of subjects.groups) if (groups.includes(group)) return true;
  return false;
}

const effectWords: Readonly<Record<number, string>> = {
  [Effect.ALLOW]: 'allow',
  [Effect.DENY]: 'deny',
  [Effect.OBLIGE]: 'oblige',
};

const numbers: Readonly<Record<ActionName, Action>> = {
  fetch: Action.FETCH,
  list: Action.LIST,
  subscribe: Action.SUBSCRIBE,
  publish: Action.PUBLISH,
  call: Action.CALL,
  administer: Action.ADMINISTER,
};

function isAction({ request }: Asked, { actions }: Rule): boolean {
  return actions.includes(Action.ANY) || actions.includes(numbers[request.action]);
}

function isResource({ request }: Asked, { resources }: Rule): boolean {
  const fits = (patterns: readonly string[], text: string) => {
    if (patterns.length === 0) return true;
    for (const pattern of patterns) {
      if (pattern === text) return true;
      if (pattern.endsWith('*') && text.indexOf(pattern.slice(0, pattern.length - 1)) === 0) {
        return true;
      }
    }
    return false;
  };
  return (
    fits(resources?.types ?? [], request.type) &&
    fits(resources?.providers ?? [], request.resource.provider) &&
    fits(resources?.keys ?? [], request.resource.key)
  );
}

function factsOf(request: ReferenceRequest, book: readonly Role[]): ReferenceFacts {
  const { subject, facts, item } = request;
  const { attributes } = subject;
  const roles = withIncluded(listOf(attributes.roles), book);
  const brought = roles.flatMap((name) => book.filter((role) => role.name === name));
  const clearances = brought.map((role) => role.attributes?.clearance ?? 0);
  const text = (field: 'project' | 'tier') => {
    const own = attributes[field];
    if (typeof own === 'string') return own;
    return brought.map((role) => role.attributes?.[field]).find((one) => one !== undefined) ?? '';
  };
  const own = attributes.clearance;
  const stated = typeof own === 'number' && [0, 1, 2, 3, 4].includes(own);
  return {
    nowMs: facts.nowMs,
    variables: {
      subject: {
        tenant: subject.tenant,
        principal: subject.principal,
        kind: subject.kind,
        consumer: subject.consumer,
        purpose: facts.purpose,
        project: text('project'),
        tier: text('tier'),
        roles,
        groups: listOf(attributes.groups),
        clearance: BigInt(stated ? own : Math.max(0, ...clearances)),
        attributes,
      },
      resource: {
        type: request.type,
        key: request.resource.key,
        provider: request.resource.provider,
        owner: item.owner,
        sensitivity: item.sensitivity === 0 ? 2n : BigInt(item.sensitivity),
        labels: item.labels,
      },
      environment: {
        network: facts.network,
        authentication: facts.authentication,
        strength: { registration: 0n, key: 1n, token: 2n, certificate: 3n }[facts.authentication],
      },
      action: request.action,
    },
  };
}

function listOf(value: JsonValue | undefined): string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
}

/** Adds what roles include, until nothing is added any more. */
function withIncluded(own: readonly string[], book: readonly Role[]): string[] {
  let roles = [...new Set(own)];
  for (;;) {
    const more = book.filter((role) => roles.includes(role.name)).flatMap((role) => role.includes);
    const all = [...new Set([...roles, ...more])];
    if (all.length === roles.length) return all.sort();
    roles = all;
  }
}
