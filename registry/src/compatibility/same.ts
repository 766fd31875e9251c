// Whether two schemas say the same, but for annotations, order and the way they use `$ref`.
import { isDeepStrictEqual } from 'node:util';
import { isObject } from '../json-schema/tree.ts';
import { type Budget, held, listed, type Node, named } from './model.ts';

const annotations = new Set([
  '$anchor',
  '$comment',
  '$defs',
  '$id',
  '$schema',
  'contentEncoding',
  'contentMediaType',
  'contentSchema',
  'default',
  'definitions',
  'deprecated',
  'description',
  'examples',
  'readOnly',
  'title',
  'writeOnly',
]);

/** Whether a keyword says nothing of which values are valid. */
export function isAnnotation(keyword: string): boolean {
  return annotations.has(keyword) || keyword.startsWith('x-');
}

/** The keywords of a node that say which values are valid. */
export function assertions(node: Node): string[] {
  return isObject(node.schema) ? Object.keys(node.schema).filter((key) => !isAnnotation(key)) : [];
}

const single = new Set([
  'additionalProperties',
  'contains',
  'else',
  'if',
  'items',
  'not',
  'propertyNames',
  'then',
  'unevaluatedItems',
  'unevaluatedProperties',
]);
const maps = new Set(['dependentSchemas', 'patternProperties', 'properties']);
const choices = new Set(['allOf', 'anyOf', 'oneOf']);
const sets = new Set(['enum', 'required', 'type']);

/** Says whether two nodes are the same. */
export type Same = (left: Node, right: Node) => boolean;

export function createSame(budget: Budget): Same {
  const different = new Set<string>();
  return (left, right) =>
    compare(left, right, { budget, different, assumed: new Set(), trail: [], depth: 0 });
}

/** Schemas within each other; what is deeper is not found to be the same. */
const maxDepth = 250;

interface Run {
  readonly budget: Budget;
  readonly different: Set<string>;
  /** Pairs that are being compared further up, or were found the same on the way. */
  readonly assumed: Set<string>;
  readonly trail: string[];
  readonly depth: number;
}

function compare(leftNode: Node, rightNode: Node, run: Run): boolean {
  const left = withoutDetour(leftNode);
  const right = withoutDetour(rightNode);
  if (left === right) return true;
  const pair = `${left.id} ${right.id}`;
  if (run.assumed.has(pair)) return true;
  if (run.different.has(pair)) return false;
  run.budget.spend(1);
  const mark = run.trail.push(pair) - 1;
  run.assumed.add(pair);
  const deeper = { ...run, depth: run.depth + 1 };
  if (run.depth < maxDepth && compareKeywords(left, right, deeper)) return true;
  // What was found the same on the strength of this pair is open again.
  for (const one of run.trail.splice(mark)) run.assumed.delete(one);
  run.different.add(pair);
  return false;
}

/** Follows a node that is nothing but a `$ref`. */
function withoutDetour(node: Node): Node {
  let at = node;
  for (let steps = 0; steps < 64; steps += 1) {
    const keys = assertions(at);
    const target = keys.length === 1 && keys[0] === '$ref' ? at.document.target(at) : undefined;
    if (target === undefined) return at;
    at = target;
  }
  return at;
}

function compareKeywords(left: Node, right: Node, run: Run): boolean {
  if (left.schema === false || right.schema === false) return left.schema === right.schema;
  const keys = assertions(left);
  if (keys.length !== assertions(right).length) return false;
  return keys.every((key) => compareKeyword(key, left, right, run));
}

function compareKeyword(key: string, left: Node, right: Node, run: Run): boolean {
  const mine = isObject(left.schema) ? left.schema[key] : undefined;
  const theirs = isObject(right.schema) ? right.schema[key] : undefined;
  if (mine === undefined || theirs === undefined) return false;
  if (key === '$ref')
    return comparePair(left.document.target(left), right.document.target(right), run);
  if (single.has(key)) return comparePair(held(left, key), held(right, key), run);
  if (maps.has(key)) return compareMaps(key, left, right, run);
  if (key === 'prefixItems') return compareLists(listed(left, key), listed(right, key), run);
  if (choices.has(key)) return compareChoices(listed(left, key), listed(right, key), run);
  if (sets.has(key)) return sameSet(mine, theirs, run.budget);
  return isDeepStrictEqual(mine, theirs);
}

function comparePair(left: Node | undefined, right: Node | undefined, run: Run): boolean {
  return left !== undefined && right !== undefined && compare(left, right, run);
}

function compareMaps(key: string, left: Node, right: Node, run: Run): boolean {
  const mine = named(left, key);
  const theirs = named(right, key);
  if (mine.size !== theirs.size) return false;
  return [...mine].every(([name, node]) => comparePair(node, theirs.get(name), run));
}

function compareLists(left: readonly Node[], right: readonly Node[], run: Run): boolean {
  return left.length === right.length && left.every((node, i) => comparePair(node, right[i], run));
}

function compareChoices(left: readonly Node[], right: readonly Node[], run: Run): boolean {
  return sameChoices(left, right, (one, other) => compare(one, other, run));
}

/** Beyond this, alternatives are found only when they are written alike. */
const maxPairedChoices = 64;

/** Whether two lists of alternatives are the same in some order. */
export function sameChoices(left: readonly Node[], right: readonly Node[], same: Same): boolean {
  if (left.length !== right.length) return false;
  const open = Map.groupBy(right, textOf);
  const unmatched = left.filter((node) => {
    const other = open.get(textOf(node))?.at(-1);
    if (other === undefined || !same(node, other)) return true;
    open.get(textOf(node))?.pop();
    return false;
  });
  if (unmatched.length > maxPairedChoices) return false;
  const rest = [...open.values()].flat();
  return unmatched.every((node) => {
    const index = rest.findIndex((other) => same(node, other));
    if (index >= 0) rest.splice(index, 1);
    return index >= 0;
  });
}

const texts = new WeakMap<Node, string>();

function textOf(node: Node): string {
  const text = texts.get(node) ?? canonical(node.schema);
  texts.set(node, text);
  return text;
}

/** Whether two lists hold equal values in any order; a single value is a list of one. */
function sameSet(left: unknown, right: unknown, budget: Budget): boolean {
  const mine = Array.isArray(left) ? left : [left];
  const theirs = Array.isArray(right) ? right : [right];
  budget.spend(mine.length + theirs.length);
  const keys = new Set(theirs.map(canonical));
  return (
    mine.every((item) => keys.has(canonical(item))) &&
    new Set(mine.map(canonical)).size === keys.size
  );
}

/** JSON text that is equal for equal values. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) =>
    isObject(member) ? Object.fromEntries(Object.entries(member).toSorted(byName)) : member,
  );
}

function byName([left]: [string, unknown], [right]: [string, unknown]): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
