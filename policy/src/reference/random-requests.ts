import type { JsonObject } from '@bufbuild/protobuf';
import { Sensitivity } from '@weir/sdk/gen/weir/context/v1/context_pb';
import type { ItemFacts } from '../model.ts';
import type { SubjectSource } from '../subject.ts';
import type { Random } from './random.ts';
import { names } from './random-rules.ts';
import type { ReferenceRequest } from './reference-model.ts';

/** Times on both sides of midnights, changes of clocks, and the instants that rules name. */
const momentsMs = [
  ...['2026-03-29T00:59:59.999Z', '2026-03-29T01:00:00Z', '2026-03-08T06:59:00Z'],
  ...['2026-03-08T07:01:00Z', '2026-11-01T05:59:59Z', '2026-11-01T06:00:00Z'],
  ...['2026-05-31T15:59:59.999Z', '2026-05-31T16:00:00Z', '2026-07-04T01:00:00Z'],
  ...['2026-04-04T14:59:00Z', '2026-04-04T15:01:00Z', '2026-07-04T00:59:59.999Z'],
].map((text) => Date.parse(text));
const minuteMs = 60_000;
const dayMs = 1440 * minuteMs;
const sensitivities = [
  Sensitivity.UNSPECIFIED,
  Sensitivity.PUBLIC,
  Sensitivity.INTERNAL,
  Sensitivity.CONFIDENTIAL,
  Sensitivity.RESTRICTED,
];

/** Makes a request at random; `subjects` are those of the rule set, so that they come again. */
export function randomRequest(
  random: Random,
  subjects: readonly SubjectSource[],
): ReferenceRequest {
  return {
    subject: random.pick(subjects),
    action: random.pick([
      'fetch',
      'fetch',
      'fetch',
      'list',
      'subscribe',
      'publish',
      'call',
    ] as const),
    type: random.pick(names.types),
    resource: { key: random.pick(names.keys), provider: random.pick(names.providers) },
    facts: {
      purpose: random.chance(0.4) ? '' : random.pick(names.purposes),
      network: random.pick(['10.1.2.3', '192.168.7.9', '203.0.113.7']),
      authentication: random.pick(['key', 'token', 'certificate', 'registration'] as const),
      nowMs: randomTimeMs(random),
    },
    item: randomItem(random),
  };
}

/** A request that was made before, at times by somebody else, for another thing, or at another time. */
export function askedAgain(
  random: Random,
  request: ReferenceRequest,
  subjects: readonly SubjectSource[],
): ReferenceRequest {
  const other = randomRequest(random, subjects);
  const near = request.facts.nowMs + (random.below(360) - 180) * minuteMs;
  const facts = random.chance(0.7) ? request.facts : other.facts;
  return {
    subject: random.chance(0.6) ? request.subject : other.subject,
    action: random.chance(0.8) ? request.action : other.action,
    type: random.chance(0.8) ? request.type : other.type,
    resource: random.chance(0.8) ? request.resource : other.resource,
    facts: random.chance(0.7) ? facts : { ...facts, nowMs: near },
    item: random.chance(0.5) ? request.item : other.item,
  };
}

function randomTimeMs(random: Random): number {
  const moment = random.pick(momentsMs);
  return random.chance(0.6) ? moment : moment + random.below(7 * dayMs);
}

/** Makes what an item tells, at random. */
export function randomItem(random: Random): ItemFacts {
  const labels = random.some(names.labels, 0, 3).map((name) => [name, random.pick(['a', 'b'])]);
  return {
    sensitivity: random.pick(sensitivities),
    labels: Object.fromEntries(labels),
    owner: random.chance(0.3) ? '' : random.pick(names.principals),
  };
}

/** Makes subjects at random, some of them like the one before but for one attribute. */
export function randomSubjects(random: Random, count: number): SubjectSource[] {
  const subjects: SubjectSource[] = [];
  while (subjects.length < count) {
    const before = subjects.at(-1);
    const fresh = randomSubject(random);
    const like = before && random.chance(0.6) ? withOneOf(random, before, fresh) : fresh;
    subjects.push(like);
  }
  return subjects;
}

function withOneOf(random: Random, subject: SubjectSource, other: SubjectSource): SubjectSource {
  const names = Object.keys({ ...subject.attributes, ...other.attributes });
  if (names.length === 0 || random.chance(0.2)) return { ...subject, principal: other.principal };
  const name = random.pick(names);
  const { [name]: _gone, ...kept } = subject.attributes;
  const value = other.attributes[name];
  return { ...subject, attributes: value === undefined ? kept : { ...kept, [name]: value } };
}

/** Makes a subject: with attributes missing, or of the wrong type. */
function randomSubject(random: Random): SubjectSource {
  const attributes: JsonObject = {
    ...(random.chance(0.85) && { roles: random.some(names.roles, 0, 3) }),
    ...(random.chance(0.6) && { groups: random.some(names.groups, 0, 2) }),
    ...(random.chance(0.5) && { clearance: random.pick([0, 1, 2, 3, 4, 9, '3']) }),
    ...(random.chance(0.4) && { project: random.pick([...names.projects, 7]) }),
    ...(random.chance(0.4) && { tier: random.pick(names.tiers) }),
    ...(random.chance(0.6) && { level: random.below(5) }),
    ...(random.chance(0.5) && { site: random.chance(0.7) ? { floor: random.below(3) } : {} }),
    ...(random.chance(0.5) && { team: random.pick(['red', 3]) }),
  };
  return {
    tenant: 'acme',
    principal: random.pick(names.principals),
    kind: random.pick(['user', 'agent', '']),
    consumer: random.pick(['', 'assistant']),
    attributes,
  };
}
