// Keywords that look at a value itself: type, bounds, patterns, alternatives.
import { isDeepStrictEqual } from 'node:util';
import type { SchemaFault } from '../json-schema/json-schema.ts';
import {
  greatest,
  kinds,
  kindsOf,
  kindsText,
  least,
  lowerBound,
  numberKinds,
  upperBound,
  valuesOf,
} from './facts.ts';
import { fault, type Goal, keepKeyword, keepLimit, unique } from './goal.ts';
import { type Fact, factOf, held, listed, type Node } from './model.ts';
import { assertions, sameChoices } from './same.ts';

/** The faults of the keywords that look at a value itself. */
export function keywordFaults(goal: Goal): SchemaFault[] {
  const type = typeFaults(goal);
  if (type.length > 0) return type;
  return [
    ...literalKeywordFaults(goal),
    ...numberFaults(goal),
    ...lengthFaults(goal),
    ...wordFaults(goal),
    ...unknownFaults(goal),
  ];
}

function typeFaults(goal: Goal): SchemaFault[] {
  const excess = goal.view.kinds & ~kindsOf(goal.keywords.type);
  if (excess === 0) return [];
  const text = excess === kinds.fraction ? 'a number with a fraction' : kindsText(excess);
  const mends = [`keep allowing ${text}`, `do not add ${text}`] as const;
  return [fault(goal, 'type', { may: `may be ${text}`, but: 'does not allow', mends })];
}

function literalKeywordFaults(goal: Goal): SchemaFault[] {
  const keyword = ['enum', 'const'].find((one) => one in goal.keywords);
  if (keyword === undefined) return [];
  return [
    fault(goal, keyword, {
      may: 'are not limited to certain values',
      but: 'lists',
      mends: keepKeyword,
    }),
  ];
}

function numberFaults(goal: Goal): SchemaFault[] {
  const { view, keywords } = goal;
  if ((view.kinds & numberKinds) === 0) return [];
  const faults: SchemaFault[] = [];
  const lower = lowerBound(view);
  const upper = upperBound(view);
  const limit = (keyword: string, isMet: (bound: number) => boolean, may: string) => {
    const bound = keywords[keyword];
    if (typeof bound !== 'number' || isMet(bound)) return;
    faults.push(
      fault(goal, keyword, { may: may, but: `limits by ${keyword} ${bound}`, mends: keepLimit }),
    );
  };
  const down = Number.isFinite(lower.value)
    ? `may go down to ${lower.value}`
    : 'may be as low as they like';
  const up = Number.isFinite(upper.value)
    ? `may go up to ${upper.value}`
    : 'may be as high as they like';
  limit('minimum', (bound) => lower.value >= bound, down);
  limit(
    'exclusiveMinimum',
    (bound) => lower.value > bound || (lower.open && lower.value === bound),
    down,
  );
  limit('maximum', (bound) => upper.value <= bound, up);
  limit(
    'exclusiveMaximum',
    (bound) => upper.value < bound || (upper.open && upper.value === bound),
    up,
  );
  limit('multipleOf', (bound) => isMultiple(goal, bound), 'need not be such multiples');
  return faults;
}

function isMultiple({ view }: Goal, divisor: number): boolean {
  const known = valuesOf(view, 'multipleOf').filter((value) => typeof value === 'number');
  if ((view.kinds & kinds.fraction) === 0) known.push(1);
  const isWhole = (value: number) => Number.isSafeInteger(value);
  return known.some(
    (value) => value === divisor || (isWhole(value) && isWhole(divisor) && value % divisor === 0),
  );
}

function lengthFaults(goal: Goal): SchemaFault[] {
  const { view, keywords } = goal;
  if ((view.kinds & kinds.string) === 0) return [];
  const { minLength, maxLength } = keywords;
  const faults: SchemaFault[] = [];
  if (typeof minLength === 'number' && minLength > Math.max(0, greatest(view, 'minLength'))) {
    faults.push(
      fault(goal, 'minLength', {
        may: 'may be shorter',
        but: `limits by minLength ${minLength}`,
        mends: keepLimit,
      }),
    );
  }
  if (typeof maxLength === 'number' && maxLength < least(view, 'maxLength')) {
    faults.push(
      fault(goal, 'maxLength', {
        may: 'may be longer',
        but: `limits by maxLength ${maxLength}`,
        mends: keepLimit,
      }),
    );
  }
  return faults;
}

/** Keywords whose meaning is in a word: only the same word is sure to allow the same. */
function wordFaults(goal: Goal): SchemaFault[] {
  const { view, keywords } = goal;
  return (['pattern', 'format'] as const).flatMap((keyword) => {
    const word = keywords[keyword];
    const applies = keyword === 'pattern' ? kinds.string : kinds.string | numberKinds;
    if (word === undefined || (view.kinds & applies) === 0) return [];
    if (valuesOf(view, keyword).includes(word)) return [];
    const may = `need not match the ${keyword} ${JSON.stringify(word)}`;
    return [fault(goal, keyword, { may: may, but: 'asks for', mends: keepKeyword })];
  });
}

const known = new Set(
  `$ref additionalProperties allOf anyOf const contains dependentRequired dependentSchemas else enum
  exclusiveMaximum exclusiveMinimum format if items maxContains maxItems maxLength maxProperties maximum
  minContains minItems minLength minProperties minimum multipleOf not oneOf pattern patternProperties
  prefixItems properties propertyNames required then type unevaluatedItems unevaluatedProperties
  uniqueItems`.split(/\s+/),
);

function unknownFaults(goal: Goal): SchemaFault[] {
  const { view, keywords, node } = goal;
  return assertions(node)
    .filter((key) => !known.has(key))
    .filter((key) => !valuesOf(view, key).some((value) => isDeepStrictEqual(value, keywords[key])))
    .map((key) =>
      fault(goal, key, {
        may: 'need not meet this keyword',
        but: 'has, and whose meaning is not known',
        mends: keepKeyword,
      }),
    );
}

/** The faults of the keywords that offer alternatives or exclude some. */
export function choiceFaults(goal: Goal): SchemaFault[] {
  return [...anyOfFaults(goal), ...oneOfFaults(goal), ...notFaults(goal), ...conditionFaults(goal)];
}

/** The alternatives that some value of a goal can meet; all of them when there is none. */
function possible({ facts, proof }: Goal, alternatives: readonly Node[]): readonly Node[] {
  const met = alternatives.filter((one) => !proof.isImpossible([...facts, factOf(one)]));
  return met.length > 0 ? met : alternatives;
}

/** The faults of the alternative that comes closest; none if one holds. */
function closest(goal: Goal, alternatives: readonly Node[]): SchemaFault[] {
  let best: SchemaFault[] | undefined;
  for (const alternative of possible(goal, alternatives)) {
    const faults = goal.proof.prove(goal.facts, alternative, goal.path);
    if (faults.length === 0) return [];
    if (best === undefined || faults.length < best.length) best = faults;
  }
  return best ?? [];
}

function anyOfFaults(goal: Goal): SchemaFault[] {
  const alternatives = listed(goal.node, 'anyOf');
  if (alternatives.length === 0 || holdsAlready(goal, 'anyOf')) return [];
  const faults = closest(goal, alternatives);
  return faults.length === 0
    ? []
    : (byKind(goal, (facts) => closest({ ...goal, facts }, alternatives)) ?? faults);
}

/** Whether the facts have the same alternatives. */
function holdsAlready({ view, node, proof }: Goal, keyword: 'anyOf' | 'oneOf'): boolean {
  const wanted = listed(node, keyword);
  return view.leaves.some(
    (leaf) =>
      !leaf.aside.includes(keyword) && sameChoices(wanted, listed(leaf.node, keyword), proof.same),
  );
}

/** Whether a goal has alternatives that its facts do not already have. */
export function hasOpenChoice(goal: Goal): boolean {
  return (['anyOf', 'oneOf'] as const).some(
    (keyword) => listed(goal.node, keyword).length > 0 && !holdsAlready(goal, keyword),
  );
}

/** Proves something for each kind of value apart; undefined when there is only one kind. */
function byKind(
  goal: Goal,
  prove: (facts: readonly Fact[]) => SchemaFault[],
): SchemaFault[] | undefined {
  const types = ['array', 'boolean', 'null', 'object', 'string', 'number'].filter(
    (type) => (kindsOf(type) & goal.view.kinds) !== 0,
  );
  if (types.length < 2) return undefined;
  const typed = types.map((type) => [...goal.facts, factOf(goal.proof.node({ type }))]);
  return unique(typed.flatMap(prove));
}

function oneOfFaults(goal: Goal): SchemaFault[] {
  const alternatives = listed(goal.node, 'oneOf');
  if (alternatives.length === 0 || holdsAlready(goal, 'oneOf')) return [];
  const faults = exactlyOne(goal, alternatives);
  return faults.length === 0
    ? []
    : (byKind(goal, (facts) => exactlyOne({ ...goal, facts }, alternatives)) ?? faults);
}

function exactlyOne(goal: Goal, alternatives: readonly Node[]): SchemaFault[] {
  const { facts, proof, path } = goal;
  const candidates = possible(goal, alternatives);
  let best: SchemaFault[] = [];
  for (const alternative of candidates) {
    const faults = proof.prove(facts, alternative, path);
    if (faults.length === 0) return overlapFaults(goal, alternative, candidates);
    if (best.length === 0 || faults.length < best.length) best = faults;
  }
  return best;
}

/** That values valid under one alternative are valid under no other. */
function overlapFaults(goal: Goal, chosen: Node, others: readonly Node[]): SchemaFault[] {
  const { facts, proof } = goal;
  const isApart = (other: Node) => proof.isImpossible([...facts, factOf(chosen), factOf(other)]);
  if (others.every((other) => other === chosen || isApart(other))) return [];
  const mends = [
    'tell the alternatives apart by a required property with a const, or use anyOf',
    'keep the alternatives as they were',
  ] as const;
  const breach = { may: 'may match several alternatives of oneOf', but: 'refuses then', mends };
  return [fault(goal, 'oneOf', breach)];
}

function notFaults(goal: Goal): SchemaFault[] {
  const { facts, view, node, proof, path } = goal;
  const excluded = held(node, 'not');
  if (excluded === undefined) return [];
  const known = view.leaves
    .map((leaf) => held(leaf.node, 'not'))
    .filter((one) => one !== undefined);
  if (known.some((one) => proof.same(excluded, one))) return [];
  if (proof.isImpossible([...facts, factOf(excluded)])) return [];
  if (known.some((one) => proof.prove([factOf(excluded)], one, path).length === 0)) return [];
  return [
    fault(goal, 'not', {
      may: 'cannot be shown to be outside of this',
      but: 'excludes',
      mends: keepKeyword,
    }),
  ];
}

function conditionFaults(goal: Goal): SchemaFault[] {
  const { facts, view, node, proof, path } = goal;
  const condition = held(node, 'if');
  if (condition === undefined) return [];
  const alike = view.leaves
    .map((leaf) => leaf.node)
    .filter((one) => proof.same(held(one, 'if') ?? proof.node(false), condition));
  const branch = (keyword: 'then' | 'else', more: readonly Node[]) => {
    const goalNode = held(node, keyword);
    if (goalNode === undefined) return [];
    const known = alike.map((one) => held(one, keyword)).filter((one) => one !== undefined);
    return proof.prove([...[...known, ...more].map(factOf), ...facts], goalNode, path);
  };
  return [...branch('then', [condition]), ...branch('else', [])];
}
