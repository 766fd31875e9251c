import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  Action,
  Effect,
  type ObligationSchema,
  type Policy,
  PolicySchema,
  type RoleSchema,
  type RuleSchema,
} from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import type { Random } from './random.ts';

/** Names that rules and requests share, few enough that they often meet. */
export const names = {
  principals: ['agent:lin', 'agent:wu', 'user:chen', 'user:ada', 'ci'],
  roles: ['admin', 'analyst', 'auditor', 'clerk', 'viewer', 'night-shift'],
  groups: ['hr', 'finance', 'ops'],
  types: ['SQLSchema', 'SQLTable', 'Document', 'LogLine', 'Metric'],
  providers: ['sql-schema', 'sql-data', 'docs', 'logs'],
  keys: ['hr', 'hr/salaries', 'hr/staff', 'finance', 'finance/2026', 'public/readme'],
  projects: ['apollo', 'gemini'],
  tiers: ['gold', 'free'],
  purposes: ['support', 'billing', 'research'],
  labels: ['team', 'region', 'pii'],
} as const;

/** How many rules and policies a set has. */
export interface RuleSetSize {
  readonly rules: number;
  readonly policies: number;
}

/** Makes the policies of a tenant at random. */
export function randomPolicies(random: Random, size: RuleSetSize): Policy[] {
  return Array.from({ length: size.policies }, (_, index) =>
    randomPolicy(random, `p${index}`, Math.ceil(size.rules / size.policies)),
  );
}

/** Makes a policy at random, without a hash: the very same object is the same policy. */
export function randomPolicy(random: Random, name: string, rules: number): Policy {
  // In a large set few rules may deny or fail, or nothing else would ever happen.
  const rare = Math.min(1, 12 / rules);
  return create(PolicySchema, {
    tenant: 'acme',
    version: 1,
    manifest: {
      name,
      roles: random.chance(0.6) ? randomRoles(random) : [],
      rules: Array.from({ length: rules }, (_, index) => randomRule(random, `r${index}`, rare)),
    },
  });
}

/** Each role includes only later ones, so that there is no circle within a policy. */
function randomRoles(random: Random): MessageInitShape<typeof RoleSchema>[] {
  const described = random.some(names.roles, 1, 4).sort();
  return described.map((name, index) => ({
    name,
    includes: random.chance(0.5) ? random.some(described.slice(index + 1), 0, 2) : [],
    ...(random.chance(0.5) && { attributes: randomRoleAttributes(random) }),
  }));
}

function randomRoleAttributes(random: Random) {
  return {
    ...(random.chance(0.6) && { clearance: random.below(5) }),
    ...(random.chance(0.4) && { project: random.pick(names.projects) }),
    ...(random.chance(0.4) && { tier: random.pick(names.tiers) }),
  };
}

function randomRule(
  random: Random,
  name: string,
  rare: number,
): MessageInitShape<typeof RuleSchema> {
  const effect = randomEffect(random, rare);
  return {
    name,
    effect,
    ...(random.chance(0.75) && { subjects: randomSubjects(random) }),
    actions: random.chance(0.2)
      ? [Action.ANY]
      : random.some(
          [Action.FETCH, Action.LIST, Action.SUBSCRIBE, Action.PUBLISH, Action.CALL],
          1,
          3,
        ),
    ...(random.chance(0.8) && { resources: randomResources(random) }),
    condition: random.chance(0.6) ? randomCondition(random, rare) : '',
    obligations: effect === Effect.DENY ? [] : randomObligations(random, effect),
  };
}

function randomEffect(random: Random, rare: number): Effect {
  if (random.chance(0.18 * rare)) return Effect.DENY;
  return random.chance(0.25) ? Effect.OBLIGE : Effect.ALLOW;
}

function randomSubjects(random: Random) {
  return {
    principals: random.chance(0.3) ? random.some(names.principals, 1, 2) : [],
    roles: random.chance(0.7) ? random.some(names.roles, 1, 2) : [],
    groups: random.chance(0.3) ? random.some(names.groups, 1, 2) : [],
  };
}

function randomResources(random: Random) {
  const types = ['*', 'SQL*', 'D*', ...names.types];
  const providers = ['*', 'sql-*', ...names.providers];
  const keys = ['*', 'hr*', 'hr/*', 'finance/*', 'p*', ...names.keys];
  return {
    types: random.chance(0.7) ? random.some(types, 1, 3) : [],
    providers: random.chance(0.2) ? random.some(providers, 1, 2) : [],
    keys: random.chance(0.4) ? random.some(keys, 1, 3) : [],
  };
}

function randomCondition(random: Random, rare: number): string {
  if (random.chance(0.1 * rare)) return random.pick(failing)(random);
  const parts = Array.from({ length: 1 + random.below(3) }, () => {
    const term = random.pick(terms)(random);
    return random.chance(0.15) ? `!(${term})` : term;
  });
  return parts.reduce((whole, part) =>
    random.chance(0.5) ? `${whole} && ${part}` : `(${whole}) || ${part}`,
  );
}

type Term = (random: Random) => string;

const quote = (text: string) => JSON.stringify(text);
const rank: Term = (random) =>
  random.pick(['PUBLIC', 'INTERNAL', 'CONFIDENTIAL', 'RESTRICTED', '0', '4']);
const order: Term = (random) => random.pick(['==', '!=', '<', '<=', '>', '>=']);
const time: Term = (random) => {
  const [a, b] = random.some(['00:00', '01:45', '02:30', '09:00', '18:00', '23:59'], 2, 2);
  return `${quote(a ?? '')}, ${quote(b ?? '')}`;
};
const zones = [
  'UTC',
  'Asia/Taipei',
  'America/New_York',
  'Europe/Berlin',
  'Australia/Lord_Howe',
] as const;
const instants = ['2026-03-29T01:00:00Z', '2026-06-01T00:00:00+08:00', '2026-11-01T06:00:00Z'];

/** Terms that can always be evaluated, of every kind that conditions have. */
const terms: readonly Term[] = [
  (random) => `subject.clearance ${order(random)} ${rank(random)}`,
  (random) => `subject.clearance ${order(random)} resource.sensitivity`,
  (random) => `resource.sensitivity ${order(random)} ${rank(random)}`,
  (random) => `subject.project == ${quote(random.pick(names.projects))}`,
  (random) => `subject.tier != ${quote(random.pick(names.tiers))}`,
  () => 'subject.principal == resource.owner',
  (random) => `resource.owner.startsWith(${quote(random.pick(['agent:', 'user:', '']))})`,
  (random) => `subject.purpose == ${quote(random.pick(names.purposes))}`,
  (random) => `subject.purpose in ["support", ${quote(random.pick(names.purposes))}]`,
  (random) => `hasRole(${quote(random.pick(names.roles))})`,
  (random) => `${quote(random.pick(names.roles))} in subject.roles`,
  () => 'subject.groups.exists(g, resource.key.startsWith(g))',
  (random) => `subject.roles.all(r, r != ${quote(random.pick(names.roles))})`,
  (random) => `size(subject.groups) ${order(random)} 1`,
  (random) => `${quote(random.pick(names.labels))} in resource.labels`,
  (random) => {
    const label = random.pick(names.labels);
    return `has(resource.labels.${label}) && resource.labels.${label} == ${quote(random.pick(['a', 'b']))}`;
  },
  (random) => `size(resource.labels) ${order(random)} 1`,
  (random) => `has(subject.attributes.level) && subject.attributes.level ${order(random)} 2`,
  (random) =>
    `has(subject.attributes.site) && has(subject.attributes.site.floor) && subject.attributes.site.floor == ${random.below(3)}`,
  (random) => `resource.key ${random.pick(['==', '!='])} ${quote(random.pick(names.keys))}`,
  (random) => `resource.key.matches(${quote(random.pick(['^hr', 's$', '[0-9]+', 'r(e|y)']))})`,
  (random) => `resource.provider == ${quote(random.pick(names.providers))}`,
  (random) => `resource.type.startsWith(${quote(random.pick(['SQL', 'Doc']))})`,
  (random) => `action == ${quote(random.pick(['fetch', 'list']))}`,
  (random) => `environment.strength >= ${1 + random.below(3)}`,
  (random) => `environment.authentication == ${quote(random.pick(['key', 'token']))}`,
  (random) =>
    `inNetwork(environment.network, ${quote(random.pick(['10.0.0.0/8', '192.168.7.0/24', '0.0.0.0/0']))})`,
  (random) => `between(${time(random)}, ${quote(random.pick(zones))})`,
  (random) => `weekday(${quote(random.pick(zones))}) ${order(random)} ${1 + random.below(7)}`,
  (random) => `before(${quote(random.pick(instants))})`,
  (random) => `after(${quote(random.pick(instants))})`,
];

/** Terms that cannot be evaluated for some subjects or items. */
const failing: readonly Term[] = [
  (random) => `resource.labels.${random.pick(names.labels)} == "a"`,
  () => 'subject.attributes.level > 1',
  () => 'subject.attributes.site.floor == 1',
  (random) => `resource.sensitivity > ${rank(random)} && subject.attributes.level > 1`,
  (random) => `subject.attributes.level > 1 || ${random.pick(terms)(random)}`,
  () => 'resource.key.substring(6) == "x"',
  () => '10 / (subject.clearance - 2) > 0',
  () => 'subject.attributes.team > 1',
];

function randomObligations(
  random: Random,
  effect: Effect,
): MessageInitShape<typeof ObligationSchema>[] {
  const least = effect === Effect.OBLIGE ? 1 : 0;
  const count = random.chance(0.4) ? least + random.below(3) : least;
  return Array.from({ length: count }, () => ({ kind: random.pick(obligations)(random) }));
}

type Kind = NonNullable<MessageInitShape<typeof ObligationSchema>['kind']>;

const fields = (random: Random) => ({
  pointers: random.some(['/salary', '/name', '/rows/*/phone', ''], 1, 3),
  tags: random.chance(0.3) ? random.some(['pii', 'secret'], 1, 2) : [],
});

const obligations: readonly ((random: Random) => Kind)[] = [
  (random) => ({
    case: 'mask',
    value: { fields: fields(random), keepLast: random.pick([0, 4]) },
  }),
  (random) => ({ case: 'hash', value: { fields: fields(random) } }),
  (random) => ({ case: 'drop', value: { fields: fields(random) } }),
  (random) => ({
    case: 'truncate',
    value: { fields: fields(random), characters: random.pick([10, 100]) },
  }),
  (random) => ({ case: 'capAge', value: { age: { seconds: BigInt(random.pick([1, 60, 3600])) } } }),
  (random) => ({ case: 'requirePurpose', value: { purposes: random.some(names.purposes, 1, 2) } }),
  (random) => ({ case: 'redact', value: { detectors: random.some(['email', 'phone'], 1, 2) } }),
];
