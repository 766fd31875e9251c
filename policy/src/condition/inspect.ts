import type { ASTNode } from '@marcbachmann/cel-js';
import { type ClockCall, type ClockFunction, clockFunctions, readClockCall } from './clock.ts';
import { linearMatches, literalText } from './environment.ts';
import { constants, isVariable, type Read, type VariableName, variables } from './fields.ts';
import { compilePattern } from './pattern.ts';

/** How many times a condition may look through a list; never within another. */
export const loopsMax = 4;
/** How many times a condition may match a pattern. */
export const matchesMax = 4;

/** Something wrong with a condition. */
export class ConditionFault extends Error {
  /** The offset of the place in the condition, in UTF-16 code units. */
  readonly offset: number;

  constructor(text: string, offset: number) {
    super(text);
    this.offset = offset;
  }
}

/** What a condition does. */
export interface Inspection {
  readonly reads: readonly Read[];
  readonly clock: readonly ClockCall[];
  readonly cost: ConditionCost;
}

/** What an evaluation takes at most, in steps of about 50 ns. */
export interface ConditionCost {
  /** Once. */
  readonly steps: number;
  /** For each value of the lists that it looks through. */
  readonly stepsEach: number;
  /** For each pair of such values. */
  readonly stepsEachPair: number;
  /** How often it looks for one text in another, neither of which is written out. */
  readonly textsInTexts: number;
}

/** What a pattern of the greatest size takes on the longest text. */
const matchSteps = 4_000;

const functions = new Set(['has', 'size', 'int', 'double', 'string', 'inNetwork', 'hasRole']);
const methods = new Set([
  ...['startsWith', 'endsWith', 'contains', 'matches', 'size', 'lowerAscii', 'upperAscii', 'trim'],
  ...['indexOf', 'lastIndexOf', 'substring', 'all', 'exists', 'exists_one'],
]);
/** Names that a loop may not bind: what functions ask the scene for by name, and what has a meaning. */
const taken = new Set([
  ...[...Object.keys(variables), ...Object.keys(constants), 'action'],
  ...['nowMs', 'type', 'size', 'key', 'provider', 'item', 'call', 'touched', 'unknown'],
  ...['cel', 'google'],
]);
const loops = new Set(['all', 'exists', 'exists_one']);
/** Methods whose time may grow with the product of two texts. */
const searches = new Set(['contains', 'indexOf', 'lastIndexOf']);

/** What is known on the way through a condition. */
interface Walk {
  readonly reads: Map<string, Read>;
  readonly clock: ClockCall[];
  /** The names that the loops around a node bind; at most one. */
  readonly bound: string[];
  loops: number;
  matches: number;
  steps: number;
  stepsEach: number;
  stepsEachPair: number;
  textsInTexts: number;
}

/**
 * Walks a parsed condition: what is not in the language is refused, what it reads is written down,
 * and `matches` is turned to the engine with linear time. What is left out of CEL is left out for
 * its cost or its meaning: values that grow (lists joined, split and mapped, names bound), loops
 * within loops, bytes, maps, and any clock but the named functions. Throws a ConditionFault.
 */
export function inspect(root: ASTNode): Inspection {
  const counts = {
    loops: 0,
    matches: 0,
    steps: 0,
    stepsEach: 0,
    stepsEachPair: 0,
    textsInTexts: 0,
  };
  const walk: Walk = { reads: new Map(), clock: [], bound: [], ...counts };
  visit(walk, root);
  const reads = [...walk.reads.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  const { stepsEach, stepsEachPair, textsInTexts } = walk;
  const steps = walk.steps + walk.matches * matchSteps;
  return { reads, clock: walk.clock, cost: { steps, stepsEach, stepsEachPair, textsInTexts } };
}

function visit(walk: Walk, node: ASTNode): void {
  walk[walk.bound.length > 0 ? 'stepsEach' : 'steps'] += 1;
  switch (node.op) {
    case 'value':
      checkLiteral(node);
      break;
    case 'id':
      visitName(walk, node);
      break;
    case '.':
    case '[]':
      visitAccess(walk, node);
      break;
    case 'call':
      visitCall(walk, node);
      break;
    case 'rcall':
      visitMethod(walk, node);
      break;
    case 'in':
      visitMembership(walk, node.args);
      break;
    case '!_':
    case '-_':
      visit(walk, node.args);
      break;
    case '==':
    case '!=':
      visitComparison(walk, node.args);
      break;
    case 'map':
    case '.?':
    case '[?]':
      throw new ConditionFault('maps cannot be written here', node.start);
    default:
      for (const one of node.args) visit(walk, one);
  }
}

function addRead(
  { reads }: Walk,
  variable: Read['variable'],
  [field = '', ...path]: readonly string[],
): void {
  const id = JSON.stringify([variable, field, ...path]);
  const names = { clock: 'environment.time', action: 'action' };
  const name =
    variable === 'clock' || variable === 'action'
      ? names[variable]
      : [variable, field, ...path].join('.');
  reads.set(id, { id, name, variable, field, path });
}

function visitName(walk: Walk, node: ASTNode & { op: 'id' }): void {
  const name = node.args;
  if (walk.bound.includes(name) || Object.hasOwn(constants, name)) return;
  if (name === 'action') {
    addRead(walk, 'action', []);
    return;
  }
  if (isVariable(name)) {
    const first = Object.keys(variables[name])[0];
    throw new ConditionFault(`${name} as a whole; name a field, as ${name}.${first}`, node.start);
  }
  const known = ['subject', 'resource', 'action', 'environment'].join(', ');
  throw new ConditionFault(
    `${quote(name)} is not known here; there are ${known}, and ${Object.keys(constants).join(', ')}`,
    node.start,
  );
}

/** A chain of fields; `last` is the name of a member that is asked for with "in". */
function visitAccess(walk: Walk, node: ASTNode, last?: string): void {
  const { base, steps } = stepsOf(node);
  for (const { name } of steps) if (typeof name !== 'string') visit(walk, name);
  if (base.op !== 'id' || walk.bound.includes(base.args) || !isVariable(base.args)) {
    visit(walk, base);
    return;
  }
  const field = fieldOf(base.args, steps[0]);
  const rest = steps.slice(1).map((step) => step.name);
  if (last !== undefined) rest.push(last);
  addRead(walk, base.args, [field, ...pathWithin(field, rest)]);
}

function visitCall(walk: Walk, node: ASTNode & { op: 'call' }): void {
  const [name, args] = node.args;
  if (Object.hasOwn(clockFunctions, name)) {
    const call = clockCallOf(name as ClockFunction, args);
    if (call) walk.clock.push(call);
    addRead(walk, 'clock', []);
    return;
  }
  if (!functions.has(name)) {
    throw new ConditionFault(`there is no function ${quote(name)} here`, node.start);
  }
  if (name === 'hasRole') addRead(walk, 'subject', ['roles']);
  for (const one of args) visit(walk, one);
}

function visitMethod(walk: Walk, node: ASTNode & { op: 'rcall' }): void {
  const [name, receiver, args] = node.args;
  if (!methods.has(name)) {
    throw new ConditionFault(`there is no method ${quote(name)} here`, receiver.end);
  }
  visit(walk, receiver);
  if (loops.has(name) && args.length === 2) visitLoop(walk, node);
  else for (const one of args) visit(walk, one);
  if (name === 'matches') turnLinear(walk, node);
  const [first] = args;
  if (!searches.has(name) || !first || literalText(first) !== undefined) return;
  walk.textsInTexts += 1;
}

function visitLoop(walk: Walk, node: ASTNode & { op: 'rcall' }): void {
  const [name, receiver, [variable, body]] = node.args;
  if (walk.bound.length > 0) {
    throw new ConditionFault(`${name} within another look through a list`, receiver.end);
  }
  walk.loops += 1;
  if (walk.loops > loopsMax) {
    throw new ConditionFault(`looks through lists more than ${loopsMax} times`, receiver.end);
  }
  const bind = String(variable?.args);
  if (taken.has(bind)) {
    throw new ConditionFault(
      `${quote(bind)} has a meaning already; call it otherwise`,
      at(variable),
    );
  }
  walk.bound.push(bind);
  if (body) visit(walk, body);
  walk.bound.pop();
}

function turnLinear(walk: Walk, node: ASTNode & { op: 'rcall' }): void {
  const [argument] = node.args[2];
  const pattern = argument && literalText(argument);
  const start = at(argument);
  walk.matches += 1;
  if (pattern === undefined) {
    throw new ConditionFault('matches: write the pattern out in quotes', start);
  }
  if (walk.matches > matchesMax || walk.bound.length > 0) {
    const where = walk.bound.length > 0 ? 'for each of a list' : `more than ${matchesMax} times`;
    throw new ConditionFault(`matches ${where}; that is too costly`, start);
  }
  try {
    compilePattern(pattern);
  } catch (error) {
    throw new ConditionFault(error instanceof Error ? error.message : String(error), start);
  }
  node.args[0] = linearMatches;
}

/** What is written out is short; two lists are compared value by value. */
function visitComparison(walk: Walk, args: readonly [ASTNode, ASTNode]): void {
  if (args.every(({ op }) => op !== 'value')) countLook(walk);
  for (const one of args) visit(walk, one);
}

/** Counts a look through a list. */
function countLook(walk: Walk): void {
  walk[walk.bound.length > 0 ? 'stepsEachPair' : 'stepsEach'] += 1;
}

function visitMembership(walk: Walk, [left, right]: readonly [ASTNode, ASTNode]): void {
  if (right.op !== 'list') countLook(walk);
  visit(walk, left);
  const name = literalText(left);
  if (name !== undefined && (right.op === '.' || right.op === '[]')) visitAccess(walk, right, name);
  else visit(walk, right);
}

function checkLiteral(node: ASTNode & { op: 'value' }): void {
  if (node.args instanceof Uint8Array) {
    throw new ConditionFault('bytes cannot be written here', node.start);
  }
}

interface Step {
  /** A name, or what stands in brackets and is none. */
  readonly name: string | ASTNode;
  readonly offset: number;
}

/** What a chain of fields begins with, and the steps from there: of a.b["c"] a, then b and c. */
function stepsOf(node: ASTNode): { base: ASTNode; steps: readonly Step[] } {
  const steps: Step[] = [];
  let base = node;
  while (base.op === '.' || base.op === '[]') {
    const [inner, name] = base.args;
    const offset = typeof name === 'string' ? base.pos : name.start;
    steps.unshift({ name: typeof name === 'string' ? name : (literalText(name) ?? name), offset });
    base = inner;
  }
  return { base, steps };
}

function fieldOf(variable: VariableName, step: Step | undefined): string {
  const known = Object.keys(variables[variable]);
  if (step && typeof step.name === 'string' && known.includes(step.name)) return step.name;
  const what = typeof step?.name === 'string' ? `no field ${quote(step.name)}` : 'no such field';
  throw new ConditionFault(
    `${variable} has ${what}; there are ${known.join(', ')}`,
    step?.offset ?? 0,
  );
}

/** How far into a map the reading goes by names that are written out. */
function pathWithin(field: string, steps: readonly (string | ASTNode)[]): readonly string[] {
  if (field !== 'labels' && field !== 'attributes') return [];
  const end = steps.findIndex((step) => typeof step !== 'string');
  const names = steps.slice(0, end < 0 ? undefined : end).map(String);
  return field === 'labels' ? names.slice(0, 1) : names;
}

/** Undefined: the type check will say what is wrong with it. */
function clockCallOf(name: ClockFunction, args: readonly ASTNode[]): ClockCall | undefined {
  const texts = args.map(literalText).filter((text) => text !== undefined);
  if (texts.length !== clockFunctions[name].literals || texts.length !== args.length) {
    return undefined;
  }
  try {
    return readClockCall(name, texts);
  } catch {
    return undefined;
  }
}

function at(node: ASTNode | undefined): number {
  return node?.start ?? 0;
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 64));
}
