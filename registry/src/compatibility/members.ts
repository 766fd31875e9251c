// Keywords that look at the properties of objects and the items of arrays.

import type { SchemaFault } from '../json-schema/json-schema.ts';
import { isObject, step } from '../json-schema/tree.ts';
import {
  evaluatedBy,
  greatest,
  type Items,
  itemsOf,
  kinds,
  least,
  matches,
  type Properties,
  propertiesOf,
  valuesOf,
} from './facts.ts';
import { fault, type Goal, keepKeyword, keepLimit } from './goal.ts';
import { type Fact, factOf, held, listed, type Node, named, strings } from './model.ts';

/** The faults of the keywords that look at objects. */
export function objectFaults(goal: Goal): SchemaFault[] {
  const { view, proof } = goal;
  if ((view.kinds & kinds.object) === 0) return [];
  const properties = propertiesOf(view, proof.budget);
  return [
    ...requiredFaults(goal),
    ...propertyFaults(goal, properties),
    ...patternFaults(goal, properties),
    ...restFaults(goal, properties),
    ...nameFaults(goal, properties),
    ...countFaults(goal, properties),
    ...dependencyFaults(goal, properties),
  ];
}

function requiredFaults(goal: Goal): SchemaFault[] {
  return strings(goal.node, 'required')
    .filter((name) => !goal.view.required.has(name))
    .map((name) => {
      const mends = ['make it optional', 'keep it required'] as const;
      return fault(goal, 'required', {
        may: `may lack the property "${name}"`,
        but: 'requires',
        mends,
      });
    });
}

function propertyFaults(goal: Goal, properties: Properties): SchemaFault[] {
  return [...named(goal.node, 'properties')].flatMap(([name, node]) => {
    const facts = properties.of(name);
    const path = step(goal.path, 'properties', name);
    const faults = goal.proof.prove(facts, node, path);
    if (faults.length === 0 || facts.length > 0) return faults;
    const mends = [
      'allow any value for it: only types that are closed (additionalProperties: false) can take new properties with limits',
      'keep its definition',
    ] as const;
    const may = `may have any value in "${name}", since they are open to any property`;
    const place = goal.proof.direction === 'backward' ? node.pointer : path;
    return [{ ...fault(goal, undefined, { may, but: 'limits', mends }), path: place }];
  });
}

function patternFaults(goal: Goal, properties: Properties): SchemaFault[] {
  return [...named(goal.node, 'patternProperties')].flatMap(([pattern, node]) => {
    const isKnown = properties.patterns.includes(pattern);
    return everyProperty(goal, properties, node, {
      name: (name) => matches(pattern, name),
      pattern: (other) => !isKnown || other === pattern,
      others: !isKnown,
      keyword: 'patternProperties',
    });
  });
}

/** The properties that neither `properties` nor `patternProperties` look at. */
function restFaults(goal: Goal, properties: Properties): SchemaFault[] {
  const { node, proof } = goal;
  const additional = held(node, 'additionalProperties');
  const unevaluated = held(node, 'unevaluatedProperties');
  const rest = (
    keyword: string,
    part: Node,
    names: ReadonlySet<string>,
    patterns: readonly string[],
  ) =>
    everyProperty(goal, properties, part, {
      name: (name) => !names.has(name) && !patterns.some((pattern) => matches(pattern, name)),
      pattern: (pattern) => !patterns.includes(pattern),
      others: true,
      keyword,
    });
  const faults: SchemaFault[] = [];
  if (additional !== undefined) {
    const names = new Set(named(node, 'properties').keys());
    const patterns = [...named(node, 'patternProperties').keys()];
    faults.push(...rest('additionalProperties', additional, names, patterns));
  }
  if (unevaluated !== undefined) {
    const { all, names, patterns } = evaluatedBy(node, 'certainly', proof.budget);
    if (!all) faults.push(...rest('unevaluatedProperties', unevaluated, names, patterns));
  }
  return faults;
}

/** Which properties a keyword looks at, of those that the facts tell apart. */
interface Scope {
  name(name: string): boolean;
  pattern(pattern: string): boolean;
  readonly others: boolean;
  readonly keyword: string;
}

function everyProperty(
  goal: Goal,
  properties: Properties,
  node: Node,
  scope: Scope,
): SchemaFault[] {
  if (node.schema === true) return [];
  goal.proof.budget.spend(properties.names.length);
  const check = (facts: readonly Fact[], what: string) => {
    const faults = goal.proof.prove(facts, node, goal.path);
    if (faults.length === 0 || node.schema !== false) return faults;
    const mends = ['keep it', 'the older version is closed to it: do not add it'] as const;
    const breach = { may: `may have ${what}`, but: 'does not allow', mends };
    const one = fault(goal, scope.keyword, breach);
    const place = goal.proof.direction === 'forward' ? facts[0]?.node.pointer : undefined;
    return [place === undefined ? one : { ...one, path: place }];
  };
  const faults = properties.names
    .filter((name) => scope.name(name))
    .flatMap((name) => check(properties.of(name), `the property "${name}"`));
  for (const pattern of properties.patterns.filter((one) => scope.pattern(one))) {
    faults.push(...check(properties.matching(pattern), `a property with a name like ${pattern}`));
  }
  if (scope.others) faults.push(...check(properties.others, 'a property of any other name'));
  return faults;
}

function nameFaults(goal: Goal, properties: Properties): SchemaFault[] {
  const { view, node, proof, path } = goal;
  const names = held(node, 'propertyNames');
  if (names === undefined) return [];
  const known = view.leaves
    .map((leaf) => held(leaf.node, 'propertyNames'))
    .filter((one) => one !== undefined);
  const string = proof.node({ type: 'string' });
  const faults = proof.prove([...known, string].map(factOf), names, path);
  if (faults.length === 0) return [];
  const isClosed = [properties.others, ...properties.patterns.map(properties.matching)].every(
    (facts) => proof.isImpossible(facts),
  );
  if (!isClosed) return faults;
  return properties.names
    .filter((name) => !proof.isImpossible(properties.of(name)))
    .filter((name) => names.document.accepts(names, name) !== true)
    .map((name) =>
      fault(goal, 'propertyNames', {
        may: `may have the property "${name}"`,
        but: 'does not allow',
        mends: keepLimit,
      }),
    );
}

function countFaults(goal: Goal, properties: Properties): SchemaFault[] {
  const { view, keywords, proof } = goal;
  const { minProperties, maxProperties } = keywords;
  const faults: SchemaFault[] = [];
  const fewest = Math.max(greatest(view, 'minProperties'), view.required.size);
  if (typeof minProperties === 'number' && minProperties > fewest) {
    faults.push(
      fault(goal, 'minProperties', {
        may: 'may have fewer properties',
        but: `limits by minProperties ${minProperties}`,
        mends: keepLimit,
      }),
    );
  }
  if (typeof maxProperties !== 'number' || maxProperties >= least(view, 'maxProperties'))
    return faults;
  const isClosed = [properties.others, ...properties.patterns.map(properties.matching)].every(
    (facts) => proof.isImpossible(facts),
  );
  if (isClosed && properties.names.length <= maxProperties) return faults;
  return [
    ...faults,
    fault(goal, 'maxProperties', {
      may: 'may have more properties',
      but: `limits by maxProperties ${maxProperties}`,
      mends: keepLimit,
    }),
  ];
}

function dependencyFaults(goal: Goal, properties: Properties): SchemaFault[] {
  const { facts, view, keywords, node, proof, path } = goal;
  const withProperty = (name: string) => [...facts, factOf(proof.node({ required: [name] }))];
  const required = isObject(keywords.dependentRequired) ? keywords.dependentRequired : {};
  const faults = Object.entries(required)
    .filter(([name]) => !proof.isImpossible(properties.of(name)))
    .flatMap(([name, names]) => {
      if (!Array.isArray(names)) return [];
      return proof.prove(withProperty(name), proof.node({ required: names }), path);
    });
  for (const [name, part] of named(node, 'dependentSchemas')) {
    const known = view.leaves
      .map((leaf) => named(leaf.node, 'dependentSchemas').get(name))
      .filter((one) => one !== undefined);
    faults.push(...proof.prove([...known.map(factOf), ...withProperty(name)], part, path));
  }
  return faults;
}

/** The faults of the keywords that look at arrays. */
export function arrayFaults(goal: Goal): SchemaFault[] {
  const { view, proof } = goal;
  if ((view.kinds & kinds.array) === 0) return [];
  const items = itemsOf(view, proof.isImpossible);
  return [...lengthFaults(goal, items), ...itemFaults(goal, items), ...containsFaults(goal)];
}

function lengthFaults(goal: Goal, items: Items): SchemaFault[] {
  const { view, keywords } = goal;
  const { minItems, maxItems, uniqueItems } = keywords;
  const faults: SchemaFault[] = [];
  if (typeof minItems === 'number' && minItems > Math.max(0, greatest(view, 'minItems'))) {
    faults.push(
      fault(goal, 'minItems', {
        may: 'may have fewer items',
        but: `limits by minItems ${minItems}`,
        mends: keepLimit,
      }),
    );
  }
  if (typeof maxItems === 'number' && maxItems < items.maxItems) {
    faults.push(
      fault(goal, 'maxItems', {
        may: 'may have more items',
        but: `limits by maxItems ${maxItems}`,
        mends: keepLimit,
      }),
    );
  }
  const isUnique = valuesOf(view, 'uniqueItems').includes(true) || items.maxItems <= 1;
  if (uniqueItems === true && !isUnique) {
    faults.push(
      fault(goal, 'uniqueItems', { may: 'may have equal items', but: 'refuses', mends: keepLimit }),
    );
  }
  return faults;
}

function itemFaults(goal: Goal, items: Items): SchemaFault[] {
  const { node } = goal;
  const prefix = listed(node, 'prefixItems');
  const faults = prefix.flatMap((part, index) => itemFault(goal, items, part, index));
  const rest = held(node, 'items');
  if (rest !== undefined) return [...faults, ...restItemFaults(goal, items, rest, prefix.length)];
  const unevaluated = held(node, 'unevaluatedItems');
  if (unevaluated === undefined) return faults;
  return [...faults, ...restItemFaults(goal, items, unevaluated, prefix.length)];
}

/** The items from a position on. */
function restItemFaults(goal: Goal, items: Items, node: Node, from: number): SchemaFault[] {
  const faults: SchemaFault[] = [];
  const last = Math.max(from, items.prefix);
  for (let index = from; index <= last; index += 1) {
    faults.push(...itemFault(goal, items, node, index));
  }
  return faults;
}

function itemFault(goal: Goal, items: Items, node: Node, index: number): SchemaFault[] {
  if (index >= items.maxItems) return [];
  const facts = items.of(index);
  const path = facts.length > 0 ? goal.path : step(goal.path, 'items');
  const faults = goal.proof.prove(facts, node, path);
  if (faults.length === 0 || node.schema !== false) return faults;
  return [
    fault(goal, 'items', {
      may: `may have more than ${index} items`,
      but: 'does not allow',
      mends: keepKeyword,
    }),
  ];
}

function containsFaults(goal: Goal): SchemaFault[] {
  const { view, keywords, node, proof, path } = goal;
  const contains = held(node, 'contains');
  if (contains === undefined) return [];
  const { minContains = 1, maxContains = Infinity } = keywords;
  const isMet = view.leaves.some((leaf) => {
    const known = held(leaf.node, 'contains');
    if (known === undefined) return false;
    const { minContains: min = 1, maxContains: max = Infinity } = leaf.keywords;
    if (Number(min) < Number(minContains)) return false;
    if (maxContains !== Infinity)
      return Number(max) <= Number(maxContains) && proof.same(known, contains);
    return proof.prove([factOf(known)], contains, path).length === 0;
  });
  if (isMet || (minContains === 0 && maxContains === Infinity)) return [];
  return [
    fault(goal, 'contains', {
      may: 'cannot be shown to contain that',
      but: 'asks for',
      mends: keepKeyword,
    }),
  ];
}
