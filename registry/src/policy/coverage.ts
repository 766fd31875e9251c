import {
  Action,
  Effect,
  type Resources,
  type Rule,
  type Subjects,
} from '@weir/sdk/gen/weir/policy/v1/policy_pb';

/** Whether a rule denies all that another one allows, whatever the request: so it never allows. */
export function overrules(deny: Rule, allow: Rule): boolean {
  return (
    deny.effect === Effect.DENY &&
    allow.effect === Effect.ALLOW &&
    deny.condition === '' &&
    coverActions(deny.actions, allow.actions) &&
    coverSubjects(deny.subjects, allow.subjects) &&
    coverResources(deny.resources, allow.resources)
  );
}

function coverActions(wide: readonly Action[], narrow: readonly Action[]): boolean {
  return wide.includes(Action.ANY) || narrow.every((action) => wide.includes(action));
}

function coverSubjects(wide: Subjects | undefined, narrow: Subjects | undefined): boolean {
  if (!wide) return true;
  if (!narrow) return false;
  const lists = ['principals', 'roles', 'groups'] as const;
  return lists.every((list) => narrow[list].every((name) => wide[list].includes(name)));
}

function coverResources(wide: Resources | undefined, narrow: Resources | undefined): boolean {
  const lists = ['types', 'providers', 'keys'] as const;
  return lists.every((list) => coverPatterns(wide?.[list] ?? [], narrow?.[list] ?? []));
}

/** An empty list stands for everything. */
function coverPatterns(wide: readonly string[], narrow: readonly string[]): boolean {
  if (wide.length === 0) return true;
  return narrow.length > 0 && narrow.every((one) => wide.some((other) => coverPattern(other, one)));
}

function coverPattern(wide: string, narrow: string): boolean {
  return wide.endsWith('*') ? narrow.startsWith(wide.slice(0, -1)) : wide === narrow;
}
