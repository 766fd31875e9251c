// Proves, as far as the structure of two schemas shows, that all values valid under one are
// valid under the other. What cannot be shown counts as a fault, with its place.
import { isDeepStrictEqual } from 'node:util';
import type { SchemaFault } from '../json-schema/json-schema.ts';
import { isObject } from '../json-schema/tree.ts';
import {
  greatest,
  kindOfValue,
  kinds,
  kindsOf,
  type Leaf,
  least,
  lowerBound,
  propertyOf,
  upperBound,
  type View,
  viewOf,
  wholes,
} from './facts.ts';
import { type Direction, fault, type Goal, type Proof, unique } from './goal.ts';
import { choiceFaults, hasOpenChoice, keywordFaults } from './keywords.ts';
import { arrayFaults, objectFaults } from './members.ts';
import {
  type Budget,
  createDocument,
  type Disjunction,
  type Document,
  type Fact,
  factOf,
  listed,
  type Node,
  TooComplex,
} from './model.ts';
import { assertions, canonical, createSame } from './same.ts';

const maxImpossibleDepth = 4;
/** Goals within each other: recursion deeper than that would overflow the stack. */
const maxDepth = 250;
/** Faults that one goal tells of. */
const maxFaults = 50;

/** Opens a proof between two documents; `newer` is the one whose places faults name. */
export function createProof(direction: Direction, newer: Document, budget: Budget): Proof {
  const same = createSame(budget);
  const assumed = new Set<string>();
  const trail: string[] = [];
  const failed = new Map<string, SchemaFault[]>();
  const impossible = new Map<string, boolean>();
  let depth = 0;
  const synthetic = new Map<string, Node>();
  const proof: Proof = {
    direction,
    budget,
    same,
    prove,
    isImpossible(facts) {
      const key = keyOf(facts);
      const known = impossible.get(key);
      if (known !== undefined) return known;
      const verdict = isImpossible(viewOf(facts, budget), proof, 0);
      impossible.set(key, verdict);
      return verdict;
    },
    node(schema) {
      const key = canonical(schema);
      const node = synthetic.get(key) ?? createDocument(schema, budget).root;
      synthetic.set(key, node);
      return node;
    },
  };
  return proof;

  // A goal met again while it is being proved holds if it holds for all smaller values, and so
  // it may be assumed; when it then fails, all that was found on its strength is forgotten.
  function prove(facts: readonly Fact[], node: Node, around: string): SchemaFault[] {
    if (node.schema === true) return [];
    budget.spend(1);
    const key = `${keyOf(facts)}>${node.id}`;
    if (assumed.has(key)) return [];
    const known = failed.get(key);
    if (known !== undefined) return known;
    const mark = trail.push(key) - 1;
    assumed.add(key);
    depth += 1;
    if (depth > maxDepth) throw new TooComplex();
    const all = decide({
      facts,
      view: viewOf(facts, budget),
      node,
      keywords: isObject(node.schema) ? node.schema : {},
      path: place(facts, node) ?? around,
      proof,
    });
    depth -= 1;
    if (all.length === 0) return [];
    const faults = unique(all).slice(0, maxFaults);
    for (const one of trail.splice(mark)) assumed.delete(one);
    failed.set(key, faults);
    return faults;
  }

  function place(facts: readonly Fact[], node: Node): string | undefined {
    if (node.document === newer) return node.pointer;
    let at = facts.find((fact) => fact.node.document === newer)?.node;
    for (let to = at; to !== undefined; to = to.document.target(to)) at = to;
    return at?.pointer;
  }
}

function keyOf(facts: readonly Fact[]): string {
  const keys = facts.map(({ node, aside }) => `${node.id}${aside.join('')}`);
  return keys.toSorted().join();
}

function decide(goal: Goal): SchemaFault[] {
  const { view, node, proof } = goal;
  if (isImpossible(view, proof, 0)) return [];
  const { leaves } = view;
  if (leaves.some((leaf) => leaf.aside.length === 0 && proof.same(leaf.node, node))) return [];
  const literals = literalsOf(view);
  if (literals !== undefined) return literalFaults(goal, literals);
  // Alternatives against alternatives: one by one at once, for together they rarely fit into one.
  if (hasOpenChoice(goal)) return splitFaults(goal) ?? directFaults(goal);
  const faults = directFaults(goal);
  if (faults.length === 0) return [];
  return splitFaults(goal) ?? faults;
}

/** The only values that a view can have, when that is known; others may be among them. */
function literalsOf(view: View): readonly unknown[] | undefined {
  let fewest: readonly unknown[] | undefined;
  for (const { keywords } of view.leaves) {
    const values = 'const' in keywords ? [keywords.const] : keywords.enum;
    if (!Array.isArray(values)) continue;
    if (fewest === undefined || values.length < fewest.length) fewest = values;
  }
  if (fewest === undefined && (view.kinds & ~(kinds.boolean | kinds.null)) === 0) {
    return [true, false, null].filter((value) => (kindOfValue(value) & view.kinds) !== 0);
  }
  return fewest?.filter((value) => isPossible(view, value));
}

function isPossible(view: View, value: unknown): boolean {
  return view.leaves.every(({ node }) => acceptsLiteral(node, value) !== false);
}

const literalKeywords = new Set(['const', 'enum', 'type']);

/** Whether a node accepts a value; most that are asked say no more than `type`, `enum` or `const`. */
function acceptsLiteral(node: Node, value: unknown): boolean | undefined {
  if (!isObject(node.schema)) return node.schema === true;
  if (!assertions(node).every((key) => literalKeywords.has(key))) {
    return node.document.accepts(node, value);
  }
  if ((kindOfValue(value) & kindsOf(node.schema.type)) === 0) return false;
  if ('const' in node.schema && !isDeepStrictEqual(node.schema.const, value)) return false;
  return !('enum' in node.schema) || enumOf(node).has(canonical(value));
}

const enums = new WeakMap<Node, ReadonlySet<string>>();

function enumOf(node: Node): ReadonlySet<string> {
  const values = isObject(node.schema) && Array.isArray(node.schema.enum) ? node.schema.enum : [];
  const texts = enums.get(node) ?? new Set(values.map(canonical));
  enums.set(node, texts);
  return texts;
}

const shownLiterals = 5;

function literalFaults(goal: Goal, literals: readonly unknown[]): SchemaFault[] {
  goal.proof.budget.spend(literals.length);
  const refused = literals.filter((value) => acceptsLiteral(goal.node, value) !== true);
  if (refused.length === 0) return [];
  const shown = refused.slice(0, shownLiterals).map((value) => JSON.stringify(value).slice(0, 64));
  const more = refused.length > shownLiterals ? ` and ${refused.length - shownLiterals} more` : '';
  const keyword = ['enum', 'const', 'type'].find((one) => goal.keywords[one] !== undefined);
  const text = `may be ${shown.join(', ')}${more}`;
  return [
    fault(goal, keyword, {
      may: text,
      but: 'does not allow',
      mends: ['keep allowing that', 'do not add that'],
    }),
  ];
}

function directFaults(goal: Goal): SchemaFault[] {
  const { node, facts, path, proof } = goal;
  if (node.schema === false) {
    return [
      fault(goal, undefined, {
        may: 'may have a value here',
        but: 'does not allow',
        mends: ['keep allowing it', 'do not allow it'],
      }),
    ];
  }
  const faults = wholes(node).flatMap((whole) => proof.prove(facts, whole, path));
  const own = keywordFaults(goal);
  if (own.some((one) => one.path.endsWith('/type'))) return [...faults, ...own];
  return [...faults, ...own, ...objectFaults(goal), ...arrayFaults(goal), ...choiceFaults(goal)];
}

/** Proves a goal for each alternative of the facts apart; undefined when there are none. */
function splitFaults(goal: Goal): SchemaFault[] | undefined {
  const { view, node, facts, path, proof } = goal;
  for (const leaf of view.leaves) {
    const keyword = openDisjunction(leaf);
    if (keyword === undefined) continue;
    const rest = facts.filter((fact) => fact.node !== leaf.node);
    const aside = { node: leaf.node, aside: [...leaf.aside, keyword] };
    const alternatives = listed(leaf.node, keyword);
    return unique(
      alternatives.flatMap((one) => proof.prove([factOf(one), aside, ...rest], node, path)),
    );
  }
  return undefined;
}

function openDisjunction({ node, aside }: Leaf): Disjunction | undefined {
  for (const keyword of ['anyOf', 'oneOf'] as const) {
    if (!aside.includes(keyword) && listed(node, keyword).length > 0) return keyword;
  }
  return undefined;
}

function isImpossible(view: View, proof: Proof, depth: number): boolean {
  if (view.impossible || view.kinds === 0) return true;
  const literals = literalsOf(view);
  if (literals !== undefined) return literals.length === 0;
  const onlyOf = (bits: number) => (view.kinds & ~bits) === 0;
  if (onlyOf(kinds.string)) return greatest(view, 'minLength') > least(view, 'maxLength');
  if (onlyOf(kinds.whole | kinds.fraction)) return hasNoNumber(view);
  if (onlyOf(kinds.array)) return greatest(view, 'minItems') > least(view, 'maxItems');
  if (!onlyOf(kinds.object)) return false;
  if (greatest(view, 'minProperties') > least(view, 'maxProperties')) return true;
  return depth < maxImpossibleDepth && lacksRequired(view, proof, depth);
}

function hasNoNumber(view: View): boolean {
  const lower = lowerBound(view);
  const upper = upperBound(view);
  return lower.value > upper.value || (lower.value === upper.value && (lower.open || upper.open));
}

/** Whether a property is required whose value cannot be. */
function lacksRequired(view: View, proof: Proof, depth: number): boolean {
  const { budget } = proof;
  return [...view.required].some((name) => {
    const facts = propertyOf(view, name, budget);
    return facts.length > 0 && isImpossible(viewOf(facts, budget), proof, depth + 1);
  });
}
