import type { JsonValue } from '@bufbuild/protobuf';
import type { Role } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import type { SubjectFacts } from '../condition/scene.ts';
import type { Subject } from '../model.ts';

/** What the roles of a tenant include and bring. */
export interface RoleBook {
  /** A subject with the roles that its own include, and the attributes that they bring. */
  expand(subject: Subject): SubjectFacts;
}

/**
 * How many values the attributes of a subject may hold, lists and objects counted in, for conditions
 * to look at lists and attributes; of more they cannot be evaluated.
 */
export const attributeValuesMax = 4096;

interface Entry {
  readonly includes: Set<string>;
  clearance: number | undefined;
  project: string | undefined;
  tier: string | undefined;
}

/**
 * Makes the book of roles that policies describe, in the order of the policies' names. What several
 * say of one role is joined: all that they include, the highest clearance, the first texts.
 */
export function createRoleBook(roles: Iterable<Role>): RoleBook {
  const entries = new Map<string, Entry>();
  for (const role of roles) addRole(entries, role);
  return {
    expand(subject) {
      const names = [...closureOf(subject.roles, entries)].sort();
      const found = names.map((name) => entries.get(name)).filter((entry) => entry !== undefined);
      const clearance = Math.max(0, ...found.map((entry) => entry.clearance ?? 0));
      const first = (field: 'project' | 'tier') =>
        found.map((entry) => entry[field]).find((text) => text !== undefined) ?? '';
      return {
        tenant: subject.tenant,
        principal: subject.principal,
        kind: subject.kind,
        consumer: subject.consumer,
        project: subject.project ?? first('project'),
        tier: subject.tier ?? first('tier'),
        roles: names,
        groups: subject.groups,
        clearance: BigInt(subject.clearance ?? clearance),
        attributes: subject.attributes,
        ...sizeOf(subject, names.length),
      };
    },
  };
}

function addRole(entries: Map<string, Entry>, { name, includes, attributes }: Role): void {
  const held = entries.get(name);
  const entry = held ?? {
    includes: new Set<string>(),
    clearance: undefined,
    project: undefined,
    tier: undefined,
  };
  for (const included of includes) entry.includes.add(included);
  if (attributes?.clearance !== undefined) {
    entry.clearance = Math.max(entry.clearance ?? 0, attributes.clearance);
  }
  entry.project ??= attributes?.project;
  entry.tier ??= attributes?.tier;
  entries.set(name, entry);
}

/** Roles and all that they include; a circle over several policies makes its roles equal. */
function closureOf(roles: readonly string[], entries: Map<string, Entry>): Set<string> {
  const reached = new Set(roles);
  // A set is walked in the order of its growth, with what is added on the way.
  for (const role of reached) {
    for (const included of entries.get(role)?.includes ?? []) reached.add(included);
  }
  return reached;
}

function sizeOf(
  { attributes, groups }: Subject,
  roles: number,
): Pick<SubjectFacts, 'size' | 'tooLarge'> {
  const { count, longest } = measure(attributes, attributeValuesMax);
  const values = Math.max(leastValues, count, groups.length, roles);
  return {
    size: { values: roundedUp(values), longest: roundedUp(Math.max(leastChars, longest)) },
    tooLarge: count > attributeValuesMax,
  };
}

/** Subjects are held to be of this size at least. */
const leastValues = 8;
const leastChars = 64;

function roundedUp(count: number): number {
  return 2 ** Math.ceil(Math.log2(count));
}

/** Counts the values in a value, and stops beyond a number; and the characters of the longest text. */
function measure(value: JsonValue, most: number): { count: number; longest: number } {
  let count = 0;
  let longest = 0;
  const open: JsonValue[] = [value];
  for (let one = open.pop(); one !== undefined && count <= most; one = open.pop()) {
    count += 1;
    if (typeof one === 'string') longest = Math.max(longest, one.length);
    if (one === null || typeof one !== 'object') continue;
    const inner = Object.values(one);
    count += Math.max(0, inner.length - most);
    open.push(...inner.slice(0, most));
  }
  return { count, longest };
}
