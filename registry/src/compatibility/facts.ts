// What is known of a value from the schemas that it is valid under.

import { isObject } from '../json-schema/tree.ts';
import {
  type Budget,
  type Disjunction,
  type Fact,
  factOf,
  held,
  listed,
  type Node,
  named,
  strings,
} from './model.ts';

/** The kinds of JSON values, one bit each; whole numbers apart from others. */
export const kinds = {
  array: 1,
  boolean: 2,
  null: 4,
  object: 8,
  string: 16,
  whole: 32,
  fraction: 64,
} as const;
const allKinds = 127;
export const numberKinds = kinds.whole | kinds.fraction;

const kindsOfType: Readonly<Record<string, number>> = {
  array: kinds.array,
  boolean: kinds.boolean,
  null: kinds.null,
  object: kinds.object,
  string: kinds.string,
  integer: kinds.whole,
  number: numberKinds,
};

/** The kinds that a `type` keyword allows. */
export function kindsOf(type: unknown): number {
  if (type === undefined) return allKinds;
  const types = Array.isArray(type) ? type : [type];
  return types.reduce((sum: number, one) => sum | (kindsOfType[String(one)] ?? 0), 0);
}

/** The kind of a value. */
export function kindOfValue(value: unknown): number {
  if (value === null) return kinds.null;
  if (Array.isArray(value)) return kinds.array;
  if (typeof value === 'number') return Number.isInteger(value) ? kinds.whole : kinds.fraction;
  return kindsOfType[typeof value] ?? 0;
}

/** Kinds as people write them. */
export function kindsText(bits: number): string {
  const names = Object.entries(kindsOfType)
    .filter(
      ([name, bit]) =>
        (bits & bit) === bit && !(name === 'integer' && (bits & numberKinds) === numberKinds),
    )
    .map(([name]) => name);
  return bits & kinds.fraction && !(bits & kinds.whole)
    ? [...names, 'number'].join(' or ')
    : names.join(' or ');
}

/** A schema that holds as a whole: one of the facts, or what it takes in by `allOf` and `$ref`. */
export interface Leaf {
  readonly node: Node;
  readonly aside: readonly Disjunction[];
  readonly keywords: { readonly [keyword: string]: unknown };
}

/** All that is known of a value at once. */
export interface View {
  readonly facts: readonly Fact[];
  readonly leaves: readonly Leaf[];
  readonly kinds: number;
  /** Whether a leaf says that there is no such value. */
  readonly impossible: boolean;
  readonly required: ReadonlySet<string>;
}

export function viewOf(facts: readonly Fact[], budget: Budget): View {
  const leaves: Leaf[] = [];
  const seen = new Set<number>();
  // Facts with keywords set aside come first: what takes them in whole must not bring these back.
  const pending = [...facts].sort((a, b) => a.aside.length - b.aside.length);
  for (let fact = pending.pop(); fact !== undefined; fact = pending.pop()) {
    const { node, aside } = fact;
    if (seen.has(node.id)) continue;
    seen.add(node.id);
    budget.spend(1);
    leaves.push({ node, aside, keywords: isObject(node.schema) ? node.schema : {} });
    pending.unshift(...wholes(node).map(factOf));
  }
  return {
    facts,
    leaves,
    kinds: leaves.reduce((bits, { keywords }) => bits & kindsOf(keywords.type), allKinds),
    impossible: leaves.some(({ node }) => node.schema === false),
    required: requiredIn(leaves),
  };
}

function requiredIn(leaves: readonly Leaf[]): Set<string> {
  const required = new Set(leaves.flatMap(({ node }) => strings(node, 'required')));
  // Names added on the way are visited too.
  for (const name of required) {
    for (const { keywords } of leaves) {
      const more = isObject(keywords.dependentRequired)
        ? keywords.dependentRequired[name]
        : undefined;
      if (Array.isArray(more))
        for (const one of more) if (typeof one === 'string') required.add(one);
    }
  }
  return required;
}

/** The values of a keyword in all leaves that have it. */
export function valuesOf(view: View, keyword: string): unknown[] {
  return view.leaves
    .map(({ keywords }) => keywords[keyword])
    .filter((value) => value !== undefined);
}

function numbersOf(view: View, keyword: string): number[] {
  return valuesOf(view, keyword).filter((value) => typeof value === 'number');
}

export function greatest(view: View, keyword: string): number {
  return Math.max(-Infinity, ...numbersOf(view, keyword));
}

export function least(view: View, keyword: string): number {
  return Math.min(Infinity, ...numbersOf(view, keyword));
}

/** A bound of numbers; `open` says that the bound itself is left out. */
export interface Bound {
  readonly value: number;
  readonly open: boolean;
}

export function lowerBound(view: View): Bound {
  const closed = greatest(view, 'minimum');
  const open = greatest(view, 'exclusiveMinimum');
  const bound = open >= closed ? { value: open, open: true } : { value: closed, open: false };
  if ((view.kinds & kinds.fraction) !== 0 || !Number.isFinite(bound.value)) return bound;
  const whole = bound.open ? Math.floor(bound.value) + 1 : Math.ceil(bound.value);
  return Number.isSafeInteger(whole) ? { value: whole, open: false } : bound;
}

export function upperBound(view: View): Bound {
  const closed = least(view, 'maximum');
  const open = least(view, 'exclusiveMaximum');
  const bound = open <= closed ? { value: open, open: true } : { value: closed, open: false };
  if ((view.kinds & kinds.fraction) !== 0 || !Number.isFinite(bound.value)) return bound;
  const whole = bound.open ? Math.ceil(bound.value) - 1 : Math.floor(bound.value);
  return Number.isSafeInteger(whole) ? { value: whole, open: false } : bound;
}

export function matches(pattern: string, name: string): boolean {
  return new RegExp(pattern, 'u').test(name);
}

/** The names, and patterns of names, that the keywords at a value may look at. */
export interface Evaluated {
  readonly all: boolean;
  readonly names: ReadonlySet<string>;
  readonly patterns: readonly string[];
}

/**
 * The properties that a node evaluates: certainly, through what always holds; or possibly,
 * through any part that looks at the same value.
 */
export function evaluatedBy(root: Node, how: 'certainly' | 'possibly', budget: Budget): Evaluated {
  const names = new Set<string>();
  const patterns: string[] = [];
  const seen = new Set<Node>();
  const pending = [root];
  let all = false;
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (seen.has(node)) continue;
    seen.add(node);
    budget.spend(1);
    for (const name of named(node, 'properties').keys()) names.add(name);
    patterns.push(...named(node, 'patternProperties').keys());
    if (held(node, 'additionalProperties') !== undefined) all = true;
    if (node !== root && held(node, 'unevaluatedProperties') !== undefined) all = true;
    pending.push(...(how === 'certainly' ? wholes(node) : partsOf(node)));
  }
  return { all, names, patterns };
}

/** The nodes that hold for the same value whenever a node does. */
export function wholes(node: Node): readonly Node[] {
  const target = node.document.target(node);
  return target === undefined ? listed(node, 'allOf') : [...listed(node, 'allOf'), target];
}

function partsOf(node: Node): Node[] {
  const parts = ['if', 'then', 'else'].map((keyword) => held(node, keyword));
  return [
    ...wholes(node),
    ...listed(node, 'anyOf'),
    ...listed(node, 'oneOf'),
    ...parts.filter((part) => part !== undefined),
    ...named(node, 'dependentSchemas').values(),
  ];
}

function covers({ all, names, patterns }: Evaluated, name: string): boolean {
  return all || names.has(name) || patterns.some((pattern) => matches(pattern, name));
}

/** What is known of the properties of an object. */
export interface Properties {
  /** All names that the facts tell apart from others. */
  readonly names: readonly string[];
  readonly patterns: readonly string[];
  /** What is known of the value of a property of this name, if there is one. */
  of(name: string): Fact[];
  /** What is known at least of the values of properties whose names match one of `patterns`. */
  matching(pattern: string): Fact[];
  /** What is known of the values of all other properties. */
  readonly others: Fact[];
}

export function propertiesOf(view: View, budget: Budget): Properties {
  const found = view.leaves.map(({ node }) => ruleOf(node, budget));
  const names = new Set(found.flatMap((rule) => rule.names));
  const patterns = new Set(found.flatMap((rule) => rule.patterns));
  budget.spend(names.size);
  return {
    names: [...names],
    patterns: [...patterns],
    of: (name) => propertyOf(view, name, budget),
    matching: (pattern) => found.flatMap((rule) => rule.matching(pattern)).map(factOf),
    others: found.flatMap((rule) => rule.others).map(factOf),
  };
}

/** What is known of the value of one property. */
export function propertyOf(view: View, name: string, budget: Budget): Fact[] {
  budget.spend(view.leaves.length);
  return view.leaves.flatMap(({ node }) => ruleOf(node, budget).of(name)).map(factOf);
}

/** What one leaf says of properties. */
interface PropertyRule {
  readonly names: readonly string[];
  readonly patterns: readonly string[];
  of(name: string): Node[];
  matching(pattern: string): Node[];
  readonly others: readonly Node[];
}

const rules = new WeakMap<Node, PropertyRule>();

function ruleOf(node: Node, budget: Budget): PropertyRule {
  const rule = rules.get(node) ?? createRule(node, budget);
  rules.set(node, rule);
  return rule;
}

function createRule(node: Node, budget: Budget): PropertyRule {
  const own = named(node, 'properties');
  const byPattern = [...named(node, 'patternProperties')];
  const additional = held(node, 'additionalProperties');
  const unevaluated = held(node, 'unevaluatedProperties');
  const evaluated =
    unevaluated === undefined || additional !== undefined
      ? undefined
      : evaluatedBy(node, 'possibly', budget);
  const rest = (name: string): Node[] => {
    if (additional !== undefined) return [additional];
    return unevaluated === undefined || !evaluated || covers(evaluated, name) ? [] : [unevaluated];
  };
  const remaining = evaluated !== undefined && !evaluated.all ? unevaluated : undefined;
  const others = additional ?? remaining;
  return {
    names: [...own.keys(), ...(evaluated?.names ?? [])],
    patterns: [...byPattern.map(([pattern]) => pattern), ...(evaluated?.patterns ?? [])],
    of: (name) => {
      const property = own.get(name);
      const matched = byPattern
        .filter(([pattern]) => matches(pattern, name))
        .map(([, part]) => part);
      const found = property === undefined ? matched : [property, ...matched];
      return found.length > 0 ? found : rest(name);
    },
    matching: (pattern) => byPattern.filter(([one]) => one === pattern).map(([, part]) => part),
    others: others === undefined ? [] : [others],
  };
}

/** What is known of the items of an array. */
export interface Items {
  /** From this position on the facts tell items apart no more. */
  readonly prefix: number;
  /** The most items that there can be. */
  readonly maxItems: number;
  of(index: number): Fact[];
}

export function itemsOf(view: View, isImpossible: (facts: Fact[]) => boolean): Items {
  const prefix = Math.max(0, ...view.leaves.map(({ node }) => listed(node, 'prefixItems').length));
  const of = (index: number) =>
    view.leaves.flatMap(({ node }) => itemRule(node, index)).map(factOf);
  let closed = Infinity;
  for (let index = 0; index <= prefix && closed === Infinity; index += 1) {
    if (isImpossible(of(index))) closed = index;
  }
  return { prefix, maxItems: Math.min(closed, least(view, 'maxItems')), of };
}

function itemRule(node: Node, index: number): Node[] {
  const prefix = listed(node, 'prefixItems');
  const own = prefix[index] ?? held(node, 'items');
  if (own !== undefined) return [own];
  const unevaluated = held(node, 'unevaluatedItems');
  const alone = partsOf(node).length === 0 && held(node, 'contains') === undefined;
  return unevaluated !== undefined && alone ? [unevaluated] : [];
}
